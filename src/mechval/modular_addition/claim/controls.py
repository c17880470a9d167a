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

from mechval.axioms import EvidenceKind, clopper_pearson_upper
from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.claim.equivalences import exact_waves, nearest_angles, rounded_waves
from mechval.modular_addition.claim.translations import (
    Affine,
    fit_affine,
    read_by_inversion,
    read_by_regression,
)
from mechval.modular_addition.network.components import Activations, record_activations
from mechval.modular_addition.problem import ModularAddition
from mechval.reporting.tables import Row
from mechval.transformer import Transformer

NETWORK, RANDOM_EMBEDDING, SHUFFLED = "network", "random embedding", "shuffled targets"
HELD_OUT = "held-out inputs"


@dataclass(frozen=True, eq=False)
class Reader:
    """One α, fitted to one thing and judged on one set of points.

    Attributes:
        name: ``alpha_1`` or ``alpha_2``, and how it was fitted.
        subject: the network, or a control.
        judged_on: which points, in words; ``fitted`` says whether they are those of the fit.
        found: what it reads on those points.
        expected: what it should read.
    """

    name: str
    subject: str
    affine: Affine
    judged_on: str
    fitted: bool
    found: Float64[Tensor, "point waves"]
    expected: Float64[Tensor, "point waves"]


def half_of_the_numbers(problem: ModularAddition, generator: torch.Generator) -> Tensor:
    """A random half of the numbers (rounded down), ascending."""
    return torch.randperm(problem.p, generator=generator)[: problem.p // 2].sort().values


def embedding_readers(
    model: Transformer,
    problem: ModularAddition,
    frequencies: Int[Tensor, " frequency"],
    half: Int[Tensor, " token"],
    generator: torch.Generator,
) -> Iterator[Reader]:
    """α_1 by each way of fitting, to the network and to the two controls; points are numbers."""
    embedding = model.W_E.detach().cpu()[: problem.p]
    table = waves(problem.p, frequencies)
    order = torch.randperm(problem.p, generator=generator)
    subjects = {
        NETWORK: (embedding, table),
        RANDOM_EMBEDDING: (random_like(embedding, generator), table),
        SHUFFLED: (embedding, table[order]),
    }
    everything = torch.arange(problem.p)
    others = everything[~torch.isin(everything, half)]
    for subject, (rows, targets) in subjects.items():
        ways = (
            ("alpha_1 all_tokens", read_by_regression(rows, targets, everything), everything),
            ("alpha_1 pseudo_inverse", read_by_inversion(rows, targets, everything), everything),
            ("alpha_1 half_tokens", read_by_regression(rows, targets, half), half),
            ("alpha_1 half_tokens", read_by_regression(rows, targets, half), others),
        )
        for name, affine, judged in ways:
            is_other = judged is others
            words = "the other numbers" if is_other else "the numbers it was fitted on"
            found, expected = affine(rows[judged]), targets[judged].flatten(1)
            yield Reader(name, subject, affine, words, not is_other, found, expected)


def sum_readers(
    model: Transformer,
    problem: ModularAddition,
    frequencies: Int[Tensor, " frequency"],
    activations: Activations,
    train: Int[Tensor, " train"],
    generator: torch.Generator,
    device: torch.device,
) -> Iterator[Reader]:
    """α_2 fitted to the network and to the two controls; points are inputs."""
    table = waves(problem.p, frequencies)
    targets = table[problem.answers(problem.all_pairs())].flatten(1)
    order = torch.randperm(problem.n_pairs, generator=generator)
    everything = torch.arange(problem.n_pairs)
    held_out = everything[~torch.isin(everything, train)]
    randomised = deepcopy(model)
    with torch.no_grad():
        randomised.W_E[: problem.p] = random_like(model.W_E[: problem.p].cpu(), generator)
    subjects = {
        NETWORK: (activations.hidden, targets),
        RANDOM_EMBEDDING: (record_activations(randomised, problem, device).hidden, targets),
        SHUFFLED: (activations.hidden, targets[order]),
    }
    for subject, (hidden, wanted) in subjects.items():
        affine = fit_affine(hidden[train], wanted[train])
        for words, judged in (
            ("the inputs it was fitted on", train),
            (HELD_OUT, held_out),
        ):
            found, expected = affine(hidden[judged]), wanted[judged]
            yield Reader("alpha_2", subject, affine, words, judged is train, found, expected)


def reader_row(reader: Reader) -> Row:
    """Sizes and errors of a reading."""
    residual = (reader.found - reader.expected).square()
    centred = (reader.expected - reader.expected.mean(dim=0)).square()
    return {
        **_name(reader),
        "points": reader.affine.n_points,
        "features": reader.affine.n_features,
        "vacuous": reader.fitted and reader.affine.is_vacuous,
        "n": len(reader.found),
        "root_mean_square_error": float(residual.mean().sqrt()),
        "largest_error": float(residual.max().sqrt()),
        "r_squared": 1 - float(residual.sum() / centred.sum()),
    }


def decimal_rows(reader: Reader, p: int, decimals: Sequence[int], confidence: float) -> list[Row]:
    """On how many points the reading differs: in its nearest angle, over decimals, unrounded.

    ``decimals`` is empty where nothing is rounded. On held-out inputs ε is the bound for inputs
    drawn like them; everywhere else all points are there, and it is the rate.
    """
    n_parts = reader.found.shape[1]
    found, expected = (part.unflatten(1, (-1, 2)) for part in (reader.found, reader.expected))
    kind = EvidenceKind.SAMPLED if reader.judged_on == HELD_OUT else EvidenceKind.EXACT
    equivalences = [
        (None, nearest_angles(p, n_parts // 2)),
        *((number, rounded_waves(number, n_parts)) for number in decimals),
        (None, exact_waves(n_parts)),
    ]
    rows: list[Row] = []
    for number, equivalence in equivalences:
        distance, n = equivalence.distance(found, expected), len(found)
        count = int((distance > 0).sum())
        is_sampled = kind is EvidenceKind.SAMPLED
        epsilon = clopper_pearson_upper(count, n, confidence) if is_sampled else count / n
        rows.append(
            {
                **_name(reader),
                "equivalence": equivalence.name,
                "decimals": number,
                "kind": kind.value,
                "n": n,
                "disagreements": count,
                "epsilon": epsilon,
                "mean_part_error": float(distance.double().mean()) / equivalence.n_parts,
            }
        )
    return rows


def random_like(
    embedding: Float[Tensor, "p d_model"], generator: torch.Generator
) -> Float[Tensor, "p d_model"]:
    """An embedding of independent normal numbers with the same variance."""
    drawn = torch.randn(embedding.shape, generator=generator, dtype=embedding.dtype)
    return drawn * embedding.std()


def _name(reader: Reader) -> Row:
    return {"map": reader.name, "subject": reader.subject, "judged_on": reader.judged_on}
