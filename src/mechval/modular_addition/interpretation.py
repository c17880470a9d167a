"""The published interpretation of the modular-addition network: embed, add, answer.

The α_1 that carries the claim here is the pseudo-inverse of γ_1, which can fail; the paper's is
kept beside it (deviation D4).

Source: PAPER.md section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch

from mechval.axioms import Equivalence, Interpretation, Map, exact_labels, identity
from mechval.modular_addition.claim.equivalences import (
    exact_waves,
    nearest_angles,
    rounded_waves,
    same_downstream,
)
from mechval.modular_addition.claim.fitting import Translations
from mechval.modular_addition.claim.program import WaveProgram, round_waves
from mechval.modular_addition.claim.translations import EmbeddingTranslation
from mechval.modular_addition.configs import AxiomsConfig, SumEquivalence
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition

EMBED, ADD, ANSWER = COMPONENT_NAMES = ("embed", "add", "answer")


@dataclass(frozen=True)
class Cut:
    """One variant of a cut, each map bound once: the suite sees what interpretations share.

    Attributes:
        program: the abstract component that leads to the cut.
    """

    name: str
    program: Map
    alpha: Map
    gamma: Map
    equivalence: Equivalence


def make_interpretations(
    components: Components,
    problem: ModularAddition,
    translations: Translations,
    config: AxiomsConfig,
    *,
    readings: Sequence[str],
    device: torch.device,
) -> list[Interpretation]:
    """One interpretation per variant of cut 1 and of cut 2, of one network.

    Names read ``<α_1 reading>/<precision at cut 1>/<equivalence at cut 2>``.

    Args:
        readings: which α_1 of ``translations`` to use.
    """
    concrete = (components.embed, components.hidden, components.output)
    program = WaveProgram.of(problem.p, translations.frequencies.to(device))
    answer = program.best_residue
    first = first_cuts(program, translations, config, readings, device)
    second = second_cuts(problem, program.add, translations, config, (concrete[-1], answer), device)
    return [
        Interpretation(
            name=f"{embedded.name}/{added.name}",
            components=COMPONENT_NAMES,
            concrete=concrete,
            abstract=(embedded.program, added.program, answer),
            alphas=(identity, embedded.alpha, added.alpha, identity),
            gammas=(identity, embedded.gamma, added.gamma, identity),
            equivalences=(exact_labels, embedded.equivalence, added.equivalence, exact_labels),
        )
        for embedded, added in product(first, second)
    ]


def first_cuts(
    program: WaveProgram,
    translations: Translations,
    config: AxiomsConfig,
    readings: Sequence[str],
    device: torch.device,
) -> list[Cut]:
    """Cut 1: per reading, rounded to ``config.embedding_decimals`` and not rounded.

    Rounding sits in α_1 and in h_1, as in the paper, so it propagates to what follows.
    """
    precisions = (config.embedding_decimals, None)
    look_up = {decimals: WaveProgram(program.table, decimals).look_up for decimals in precisions}
    n_parts = 4 * len(translations.frequencies)
    cuts: list[Cut] = []
    for reading in readings:
        translation = translations.embedding(reading, device)
        gamma = translation.gamma
        for decimals in precisions:
            name = "unrounded" if decimals is None else f"rounded-{decimals}"
            cuts.append(
                Cut(
                    f"{reading}/{name}",
                    look_up[decimals],
                    rounded_alpha(translation, decimals),
                    gamma,
                    exact_waves(n_parts) if decimals is None else rounded_waves(decimals, n_parts),
                )
            )
    return cuts


def rounded_alpha(translation: EmbeddingTranslation, decimals: int | None) -> Map:
    """α_1 whose waves are rounded to so many decimals; None keeps them."""

    def alpha(embedded: torch.Tensor) -> torch.Tensor:
        return round_waves(translation.alpha(embedded), decimals)

    return alpha


def second_cuts(
    problem: ModularAddition,
    add: Map,
    translations: Translations,
    config: AxiomsConfig,
    rests: tuple[Map, Map],
    device: torch.device,
) -> list[Cut]:
    """Cut 2: one variant per equivalence of ``config``.

    Args:
        rests: what the network and what the program do after the cut.
    """
    sums = translations.sums.to(device)
    alpha, gamma = sums.alpha, sums.gamma
    n_frequencies = len(translations.frequencies)
    known: dict[SumEquivalence, tuple[str, Equivalence]] = {
        "exact": ("exact", exact_waves(2 * n_frequencies)),
        "rounded": (
            f"rounded-{config.sum_decimals}",
            rounded_waves(config.sum_decimals, 2 * n_frequencies),
        ),
        "angle": ("angle", nearest_angles(problem.p, n_frequencies)),
        "downstream": ("downstream", same_downstream(gamma, *rests)),
    }
    chosen = (known[name] for name in config.equivalences)
    return [Cut(name, add, alpha, gamma, equivalence) for name, equivalence in chosen]
