"""The published interpretation of the modular-addition network: embed, add, answer.

Three choices make a variant, its tags: ``reading``, how α_1 was fitted; ``rounding``, the
precision of waves at cut 1; ``equivalence``, when two sums count as the same at cut 2. The α_1
that carries the claim is the pseudo-inverse of γ_1, which can fail; the paper's is kept beside it
(deviation D4).

Source: PAPER.md section 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from mechval.axioms import Equivalence, Interpretation, Map, exact_labels, identity
from mechval.modular_addition.claim import equivalences
from mechval.modular_addition.claim.program import WaveProgram, round_waves
from mechval.modular_addition.claim.translations import Translations
from mechval.modular_addition.configs import AxiomsConfig, SumEquivalence
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition

EMBED, ADD, ANSWER = COMPONENT_NAMES = ("embed", "add", "answer")


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
    """One interpretation per variant of cut 1 (α_1 by each of ``readings``) and of cut 2."""
    concrete = (components.embed, components.hidden, components.output)
    frequencies = translations.frequencies.to(components.model.W_E.device)
    program = WaveProgram.of(problem.p, frequencies)
    answer = program.best_residue
    first = first_cuts(program, translations, config, readings)
    second = second_cuts(problem, program.add, translations, config, (concrete[-1], answer))
    return [
        Interpretation(
            name="/".join((tags := embedded.tags | added.tags).values()),
            tags=tags,
            components=COMPONENT_NAMES,
            concrete=concrete,
            abstract=(embedded.program, added.program, answer),
            alphas=(identity, embedded.alpha, added.alpha, identity),
            gammas=(identity, embedded.gamma, added.gamma, identity),
            equivalences=(exact_labels, embedded.equivalence, added.equivalence, exact_labels),
        )
        for embedded, added in product(first, list(second))
    ]


def first_cuts(
    program: WaveProgram, translations: Translations, config: AxiomsConfig, readings: Sequence[str]
) -> Iterator[Cut]:
    """Cut 1: per reading, rounded to ``config.embedding_decimals`` and not rounded.

    Rounding sits in α_1 and in h_1, as in the paper, so it propagates to what follows.
    """
    precisions = (config.embedding_decimals, None)
    look_up = {decimals: WaveProgram(program.table, decimals).look_up for decimals in precisions}
    n_parts = 4 * len(translations.frequencies)
    gamma = translations.gamma_1
    for reading, decimals in product(readings, precisions):
        tags = {"reading": reading, "rounding": rounding(decimals)}
        alpha = rounded_alpha(translations, reading, decimals)
        same = equivalences.compared_waves(decimals, n_parts)
        yield Cut(tags, look_up[decimals], alpha, gamma, same)


def rounding(decimals: int | None) -> str:
    """How a precision of waves is called."""
    return "unrounded" if decimals is None else f"rounded-{decimals}"


def rounded_alpha(translations: Translations, reading: str, decimals: int | None) -> Map:
    """α_1 whose waves are rounded to so many decimals; None keeps them."""
    return lambda embedded: round_waves(translations.alpha_1(embedded, reading), decimals)


def second_cuts(
    problem: ModularAddition,
    add: Map,
    translations: Translations,
    config: AxiomsConfig,
    rests: tuple[Map, Map],
) -> Iterator[Cut]:
    """Cut 2: one per equivalence of ``config``; ``rests`` follow it in network and program."""
    alpha, gamma = translations.alpha_2, translations.gamma_2
    n, decimals = len(translations.frequencies), config.sum_decimals
    known: dict[SumEquivalence, tuple[str, Equivalence]] = {
        "exact": ("exact", equivalences.compared_waves(None, 2 * n)),
        "rounded": (rounding(decimals), equivalences.compared_waves(decimals, 2 * n)),
        "angle": ("angle", equivalences.nearest_angles(problem.p, n)),
        "downstream": ("downstream", equivalences.same_downstream(gamma, *rests)),
    }
    for chosen in config.equivalences:
        name, same = known[chosen]
        yield Cut({"equivalence": name}, add, alpha, gamma, same)
