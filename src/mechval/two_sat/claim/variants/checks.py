"""Variants as named checks: interpretations that differ from a main one in one respect.

Each check says which cells it bears on; in all others it agrees with its base by construction.

Source: paper section 4; PAPER.md section 2, variants.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from jaxtyping import Int
from torch import Tensor

from mechval.axioms import Axiom, Equivalence, Interpretation, Map
from mechval.axioms.report import cell_name
from mechval.two_sat.claim.variants.bases import Base
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE, PARSE

Family = Literal[
    "main", "high", "wrong neurons", "ordered clauses", "noise", "leaves", "rival", "improved"
]

_EQUIVALENCES = (Axiom.PREFIX_EQUIVALENCE, Axiom.COMPONENT_EQUIVALENCE)
_REPLACEABILITIES = (Axiom.PREFIX_REPLACEABILITY, Axiom.COMPONENT_REPLACEABILITY)


def cells_of(axioms: Sequence[Axiom], components: Sequence[str]) -> tuple[str, ...]:
    """Name the cells of some axioms at some components, axiom by axiom."""
    return tuple(cell_name(axiom, component) for axiom, component in product(axioms, components))


ALL_CELLS = cells_of(tuple(Axiom), COMPONENT_NAMES)
PARSE_EQUIVALENCE = cells_of(_EQUIVALENCES, (PARSE,))
EVALUATE_EQUIVALENCE = cells_of(_EQUIVALENCES, (EVALUATE,))
EVALUATE_REPLACEABILITY = cells_of(_REPLACEABILITIES, (EVALUATE,))


@dataclass(frozen=True)
class Check:
    """One variant of one base.

    Attributes:
        setting: what the family varies, in words; empty where it varies nothing.
        interpretation: its name is the base's name, the family and the setting.
        cells: names of the cells it bears on.
    """

    family: Family
    setting: str
    base: Base
    interpretation: Interpretation
    cells: tuple[str, ...]


def make_check(
    family: Family,
    setting: str,
    base: Base,
    changed: Interpretation,
    cells: tuple[str, ...] = ALL_CELLS,
) -> Check:
    """Name a variant.

    Args:
        changed: the base's interpretation with some maps replaced; it keeps the other objects, so
            that they are evaluated once for all variants.
    """
    name = f"{base.name}/{family} {setting}".rstrip()
    return Check(family, setting, base, replace(changed, name=name), cells)


def main_checks(bases: Sequence[Base]) -> list[Check]:
    """The main interpretations themselves, under their own names."""
    return [Check("main", "", base, base.interpretation, ALL_CELLS) for base in bases]


def tolerance_checks(bases: Sequence[Base], tolerances: Sequence[int]) -> list[Check]:
    """Evaluate equivalence where so many neurons may be wrong."""
    checks = []
    for base, tolerance in product(bases, tolerances):
        strict = base.interpretation.equivalences[2]
        name = f"{strict.name}, {tolerance} may differ"
        loose = replace(strict, name=name, tolerance=tolerance)
        changed = with_evaluate(base.interpretation, equivalence=loose)
        checks.append(
            make_check("wrong neurons", str(tolerance), base, changed, EVALUATE_EQUIVALENCE)
        )
    return checks


def ordered_check(base: Base, n_clauses: int) -> Check:
    """Parse equivalence where the two literals of a clause must be found in their order."""
    start, _, *later = base.interpretation.equivalences
    ordered = Equivalence("clauses as ordered pairs", _n_differing_clauses, n_parts=n_clauses)
    changed = replace(base.interpretation, equivalences=(start, ordered, *later))
    return make_check("ordered clauses", "", base, changed, PARSE_EQUIVALENCE)


def with_evaluate(
    interpretation: Interpretation,
    *,
    program: Map | None = None,
    alpha: Map | None = None,
    gamma: Map | None = None,
    equivalence: Equivalence | None = None,
) -> Interpretation:
    """Replace what is given of the evaluate component and of the cut after it."""
    parse, evaluate, output = interpretation.abstract
    alphas, gammas = interpretation.alphas, interpretation.gammas
    equivalences = interpretation.equivalences
    return replace(
        interpretation,
        abstract=(parse, program or evaluate, output),
        alphas=(*alphas[:2], alpha or alphas[2], alphas[3]),
        gammas=(*gammas[:2], gamma or gammas[2], gammas[3]),
        equivalences=(*equivalences[:2], equivalence or equivalences[2], equivalences[3]),
    )


def _n_differing_clauses(
    found: Int[Tensor, "batch clause_position"], expected: Int[Tensor, "batch clause_position"]
) -> Int[Tensor, " batch"]:
    return (found != expected).sum(dim=1)
