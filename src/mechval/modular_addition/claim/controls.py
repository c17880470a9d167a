"""Can a translation fail? Each is fitted to the network and to two things without any meaning.

The controls are an embedding drawn at random, and the waves of shuffled numbers as targets. A
reading that reproduces those too says nothing where it does (deviation D4).
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import Estimate
from mechval.modular_addition.circuit.fourier import Frequencies, waves
from mechval.modular_addition.claim import equivalences, translations
from mechval.modular_addition.claim.translations import Affine, fit_affine
from mechval.modular_addition.network.components import Activations, record_activations
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer

NETWORK, RANDOM_EMBEDDING, SHUFFLED = "network", "random embedding", "shuffled targets"
FITTED_NUMBERS, OTHER_NUMBERS = "the numbers it was fitted on", "the other numbers"
FITTED_INPUTS, HELD_OUT = "the inputs it was fitted on", "held-out inputs"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Which map is judged, fitted to the network or to a control, and on which points.

    ``reading`` says how ``alpha_1`` was had; for ``alpha_2`` it is ``regression`` or ``ridge``.
    """

    map: str
    reading: str
    subject: str = tables.told("fitted to")
    judged_on: str


@dataclass(frozen=True, kw_only=True)
class ReadingErrors(Judged):
    """Sizes and errors of a reading.

    It is ``vacuous`` if it cannot fail: fitted on these points, no more than it has features.
    """

    points: int
    features: int
    vacuous: bool = tables.told("cannot fail")
    n: int = tables.told("N")
    root_mean_square_error: float = tables.number("RMS error")
    largest_error: float = tables.number()
    r_squared: float = tables.number("R²")


@dataclass(frozen=True, kw_only=True)
class Differing(Estimate, Judged):
    """On how many points a reading differs from what it should read.

    Waves are rounded to ``decimals``, None where nothing is; ``mean_part_error`` is the share of
    single waves that differ.
    """

    equivalence: str
    decimals: int | None
    mean_part_error: float = tables.rate()


READINGS = tables.Table("axioms/translations.csv", ReadingErrors)
DECIMALS = tables.Table("axioms/decimals.csv", Differing)


@dataclass(frozen=True, eq=False)
class Reader:
    """One α, and what it reads and should read on one set of points."""

    judged: Judged
    affine: Affine
    found: Float64[Tensor, "point waves"]
    expected: Float64[Tensor, "point waves"]


def half_of_the_numbers(problem: ModularAddition, generator: torch.Generator) -> Tensor:
    """A random half of the numbers (rounded down), ascending."""
    return torch.randperm(problem.p, generator=generator)[: problem.p // 2].sort().values


def embedding_readers(
    model: Transformer,
    problem: ModularAddition,
    frequencies: Frequencies,
    half: Int[Tensor, " token"],
    generator: torch.Generator,
) -> Iterator[Reader]:
    """α_1 by each way of fitting, to the network and to the two controls; points are numbers."""
    embedding, table = model.W_E.detach().cpu()[: problem.p], waves(problem.p, frequencies)
    order = torch.randperm(problem.p, generator=generator)
    subjects = {
        NETWORK: (embedding, table),
        RANDOM_EMBEDDING: (random_like(embedding, generator), table),
        SHUFFLED: (embedding, table[order]),
    }
    everything = torch.arange(problem.p)
    others = everything[~torch.isin(everything, half)]
    for subject, (rows, targets) in subjects.items():
        wanted = targets.flatten(1)
        on_all, on_half = fit_affine(rows, wanted), fit_affine(rows[half], wanted[half])
        inverse = translations.pseudo_inverse(fit_affine(wanted, rows))
        for name, affine, words, judged in (
            ("all_tokens", on_all, FITTED_NUMBERS, everything),
            ("pseudo_inverse", inverse, FITTED_NUMBERS, everything),
            (translations.HALF_TOKENS, on_half, FITTED_NUMBERS, half),
            (translations.HALF_TOKENS, on_half, OTHER_NUMBERS, others),
        ):
            told = Judged(map="alpha_1", reading=name, subject=subject, judged_on=words)
            yield Reader(told, affine, affine(rows[judged]), wanted[judged])


def sum_readers(
    model: Transformer,
    problem: ModularAddition,
    frequencies: Frequencies,
    activations: Activations,
    split: Split,
    generator: torch.Generator,
) -> Iterator[Reader]:
    """α_2 fitted to the network and to the two controls; points are inputs."""
    targets = waves(problem.p, frequencies)[problem.answers(problem.all_pairs())].flatten(1)
    order = torch.randperm(problem.n_pairs, generator=generator)
    randomised = deepcopy(model)
    with torch.no_grad():
        randomised.W_E[: problem.p] = random_like(model.W_E[: problem.p].cpu(), generator)
    subjects = {
        NETWORK: (activations.hidden, targets),
        RANDOM_EMBEDDING: (record_activations(randomised, problem).hidden, targets),
        SHUFFLED: (activations.hidden, targets[order]),
    }
    for subject, (hidden, wanted) in subjects.items():
        for reading, fit in (("regression", fit_affine), ("ridge", translations.fit_ridge)):
            affine = fit(hidden[split.train], wanted[split.train])
            for words, judged in ((FITTED_INPUTS, split.train), (HELD_OUT, split.test)):
                told = Judged(map="alpha_2", reading=reading, subject=subject, judged_on=words)
                yield Reader(told, affine, affine(hidden[judged]), wanted[judged])


def reading_row(reader: Reader) -> ReadingErrors:
    """How large the errors of a reading are."""
    residual = (reader.found - reader.expected).square()
    centred = (reader.expected - reader.expected.mean(dim=0)).square()
    is_own = reader.judged.judged_on in (FITTED_NUMBERS, FITTED_INPUTS)
    return ReadingErrors(
        **vars(reader.judged),
        points=reader.affine.n_points,
        features=reader.affine.n_features,
        vacuous=is_own and reader.affine.is_vacuous,
        n=len(reader.found),
        root_mean_square_error=float(residual.mean().sqrt()),
        largest_error=float(residual.max().sqrt()),
        r_squared=1 - float(residual.sum() / centred.sum()),
    )


def decimal_rows(
    reader: Reader, p: int, decimals: Sequence[int], confidence: float
) -> Iterator[Differing]:
    """On how many points the reading differs: in its nearest angle, over decimals, unrounded.

    On held-out inputs ε is the bound for inputs drawn like them; everywhere else all points are
    there, and it is the rate.
    """
    n_parts = reader.found.shape[1]
    found, expected = (part.unflatten(1, (-1, 2)) for part in (reader.found, reader.expected))
    steps = (*decimals, None)
    for number, equivalence in (
        (None, equivalences.nearest_angles(p, n_parts // 2)),
        *((number, equivalences.compared_waves(number, n_parts)) for number in steps),
    ):
        distance = equivalence.distance(found, expected)
        estimate = Estimate.of(int((distance > 0).sum()), len(found), confidence)
        if reader.judged.judged_on != HELD_OUT:
            estimate = estimate.over_whole_domain()
        yield Differing(
            **vars(reader.judged),
            **vars(estimate),
            equivalence=equivalence.name,
            decimals=number,
            mean_part_error=float(distance.double().mean()) / equivalence.n_parts,
        )


def random_like(
    embedding: Float[Tensor, "p d_model"], generator: torch.Generator
) -> Float[Tensor, "p d_model"]:
    """An embedding of independent normal numbers with the same variance."""
    drawn = torch.randn(embedding.shape, generator=generator, dtype=embedding.dtype)
    return drawn * embedding.std()
