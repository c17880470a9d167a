"""The paper's interpretation of the modular-addition network: embed, add, answer.

Four choices make a variant, its tags: ``program``, whose waves it has; ``reading``, how α_1 and α_2
were fitted; ``rounding``, the precision of waves at cut 1; ``equivalence``, when two sums count as
the same at cut 2. The α_1 that carries the claim is the pseudo-inverse of γ_1, which can fail, its
α_2 a ridge regression; the paper's are kept beside them (deviations D4, U17).

Source: paper section 5.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import torch
from jaxtyping import Float64, Int
from torch import Tensor

from mechval.axioms import (
    Equivalence,
    Interpretation,
    Map,
    Part,
    Subspace,
    Variable,
    exact_labels,
    identity,
)
from mechval.modular_addition.circuit.fourier import round_waves, waves
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.claim import equivalences
from mechval.modular_addition.claim.downstream_equivalence import same_downstream
from mechval.modular_addition.claim.translations import Affine, Translations, pseudo_inverse
from mechval.modular_addition.configs import AxiomsConfig, SumEquivalence
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition

EMBED, ADD, ANSWER = COMPONENT_NAMES = ("embed", "add", "answer")


@dataclass(frozen=True)
class WaveProgram:
    """h_1, h_2 and h_3, by the cosine and sine of w_k n for every residue n and frequency k.

    It knows the modulus, the frequencies that it holds and the ``weights`` of those that it adds,
    which come first; nothing else of the network. h_1 rounds to ``decimals`` (None keeps float64);
    what is lost is lost for all that follows.
    """

    table: Float64[Tensor, "p frequency 2"]
    weights: Float64[Tensor, " added"]
    decimals: int | None = None

    @classmethod
    def of(cls, p: int, selection: Selection, decimals: int | None = None) -> "WaveProgram":
        """The program for addition modulo ``p`` by these waves."""
        return cls(waves(p, selection.held), selection.weights, decimals)

    def look_up(self, tokens: Int[Tensor, "batch 3"]) -> Float64[Tensor, "batch 2 frequency 2"]:
        """The waves of ``a`` and of ``b`` (h_1)."""
        return round_waves(self.table[tokens[:, :-1]], self.decimals)

    def add(
        self, numbers: Float64[Tensor, "batch 2 frequency 2"]
    ) -> Float64[Tensor, "batch added 2"]:
        """The waves of ``a + b``, by the angle-sum identities (h_2)."""
        added = numbers[:, :, : len(self.weights)]
        (cos_a, cos_b), (sin_a, sin_b) = (part.unbind(dim=1) for part in added.unbind(dim=-1))
        return torch.stack([cos_a * cos_b - sin_a * sin_b, sin_a * cos_b + cos_a * sin_b], dim=-1)

    def scores(self, total: Float64[Tensor, "batch added 2"]) -> Float64[Tensor, "batch p"]:
        """Of each residue c, Σ_k weight_k cos(w_k(a + b - c))."""
        weighted = total * self.weights.to(total.device)[:, None]
        return weighted.flatten(1) @ self.table[:, : len(self.weights)].flatten(1).T

    def best_residue(self, total: Float64[Tensor, "batch added 2"]) -> Int[Tensor, " batch"]:
        """The residue c with the largest score (h_3)."""
        return self.scores(total).argmax(dim=1)


@dataclass(frozen=True)
class Cut:
    """One variant of a cut, each map bound once: the suite sees what interpretations share.

    ``tags`` tell it from others of the cut; ``program`` is the abstract component that leads there.
    """

    tags: dict[str, str]
    program: Map
    alpha: Map
    gamma: Map
    equivalence: Equivalence


def make_interpretations(
    components: Components,
    problem: ModularAddition,
    translations: Translations,
    config: AxiomsConfig,
    readings: Sequence[str],
) -> list[Interpretation]:
    """One interpretation per variant of cut 1 (by each of ``readings``) and of cut 2."""
    concrete = components.steps
    selection = translations.selection
    held = selection.held.to(components.model.W_E.device)
    program = WaveProgram.of(problem.p, replace(selection, held=held))
    own, answer = {"program": selection.program}, program.best_residue
    first = first_cuts(program, translations, config, readings)
    carried = wave_variables(translations)
    rests = (concrete[-1], answer)
    second = {
        reading: list(second_cuts(problem, program.add, translations, config, reading, rests))
        for reading in readings
    }
    return [
        Interpretation(
            name="/".join((tags := own | embedded.tags | added.tags).values()),
            tags=tags,
            components=COMPONENT_NAMES,
            concrete=concrete,
            abstract=(embedded.program, added.program, answer),
            alphas=(identity, embedded.alpha, added.alpha, identity),
            gammas=(identity, embedded.gamma, added.gamma, identity),
            equivalences=(exact_labels, embedded.equivalence, added.equivalence, exact_labels),
            variables=carried,
        )
        for embedded in first
        for added in second[embedded.tags["reading"]]
    ]


def wave_variables(translations: Translations) -> list[Variable]:
    """Every wave of a, of b and of a + b, carried along the two directions that γ writes it in.

    No entry carries one: γ_1 writes each wave into the whole embedding, γ_2 into every neuron.
    """
    numbers, sums = translations.writer, translations.sum_writer
    held, added = translations.selection.held, translations.selection.added
    carriers = {
        name: _directions(numbers, len(held), Part(f"embedding of {name}", index=place))
        for place, name in enumerate("ab")
    }
    hidden = _directions(sums, len(added), Part("hidden neurons", output="hidden"))
    return [
        *(
            Variable(EMBED, Part(f"wave {frequency} of {name}", index=(place, wave)), carrier)
            for place, (name, own) in enumerate(carriers.items())
            for wave, (frequency, carrier) in enumerate(zip(held.tolist(), own, strict=True))
        ),
        *(
            Variable(ADD, Part(f"wave {frequency} of a + b", index=wave), carrier)
            for wave, (frequency, carrier) in enumerate(zip(added.tolist(), hidden, strict=True))
        ),
    ]


def _directions(writer: Affine, n_waves: int, whole: Part) -> list[Subspace]:
    """The plane of each wave in what a writer writes, read by the writer's pseudo-inverse."""
    readers = pseudo_inverse(writer).weight
    planes = [slice(2 * wave, 2 * wave + 2) for wave in range(n_waves)]
    return [
        Subspace(
            whole.name,
            whole.output,
            whole.index,
            directions=writer.weight[plane],
            readers=readers[:, plane],
        )
        for plane in planes
    ]


def first_cuts(
    program: WaveProgram, translations: Translations, config: AxiomsConfig, readings: Sequence[str]
) -> Iterator[Cut]:
    """Cut 1: per reading, rounded to ``config.embedding_decimals`` and not rounded.

    Rounding sits in α_1 and in h_1, as in the paper, so it propagates to what follows.
    """
    precisions = (config.embedding_decimals, None)
    look_up = {decimals: replace(program, decimals=decimals).look_up for decimals in precisions}
    n_parts = 4 * len(translations.selection.held)
    gamma = translations.gamma_1
    for reading, decimals in product(readings, precisions):
        tags = {"reading": reading, "rounding": rounding(decimals)}
        alpha = partial(translations.alpha_1, reading=reading, decimals=decimals)
        same = equivalences.compared_waves(decimals, n_parts)
        yield Cut(tags, look_up[decimals], alpha, gamma, same)


def rounding(decimals: int | None) -> str:
    """How a precision of waves is called."""
    return "unrounded" if decimals is None else f"rounded-{decimals}"


def second_cuts(
    problem: ModularAddition,
    add: Map,
    translations: Translations,
    config: AxiomsConfig,
    reading: str,
    rests: tuple[Map, Map],
) -> Iterator[Cut]:
    """Cut 2: one per equivalence of ``config``; ``rests`` follow it in network and program."""
    alpha, gamma = partial(translations.alpha_2, reading=reading), translations.gamma_2
    n, decimals = len(translations.selection.added), config.sum_decimals
    known: dict[SumEquivalence, tuple[str, Equivalence]] = {
        "exact": ("exact", equivalences.compared_waves(None, 2 * n)),
        "rounded": (rounding(decimals), equivalences.compared_waves(decimals, 2 * n)),
        "angle": ("angle", equivalences.nearest_angles(problem.p, n)),
        "downstream": ("downstream", same_downstream(gamma, *rests)),
    }
    for chosen in config.equivalences:
        name, same = known[chosen]
        yield Cut({"equivalence": name}, add, alpha, gamma, same)
