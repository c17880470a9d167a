"""A variant: an interpretation that differs from a main one in one respect.

Each says which cells it bears on; in all others it agrees with its base by construction.
Tolerated wrong neurons need no variants of their own: one measurement gives the whole curve.

Source: paper section 4; PAPER.md section 2, variants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

from jaxtyping import Shaped
from torch import Tensor

from mechval import tables
from mechval.axioms import Axiom, AxiomReport, Cell, Equivalence, Estimate, Interpretation, Map
from mechval.axioms.report import cell_name
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE, PARSE

Family = Literal["high", "wrong neurons", "ordered clauses", "noise", "leaves", "rival", "improved"]

_EQUIVALENCES = (Axiom.PREFIX_EQUIVALENCE, Axiom.COMPONENT_EQUIVALENCE)
_REPLACEABILITIES = (Axiom.PREFIX_REPLACEABILITY, Axiom.COMPONENT_REPLACEABILITY)


def _cells(axioms: Sequence[Axiom], components: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell_name(axiom, component) for axiom, component in product(axioms, components))


ALL_CELLS = _cells(tuple(Axiom), COMPONENT_NAMES)
PARSE_EQUIVALENCE = _cells(_EQUIVALENCES, (PARSE,))
EVALUATE_EQUIVALENCE = _cells(_EQUIVALENCES, (EVALUATE,))
PARSE_REPLACEABILITY = _cells(_REPLACEABILITIES, (PARSE,))
EVALUATE_REPLACEABILITY = _cells(_REPLACEABILITIES, (EVALUATE,))


@dataclass(frozen=True)
class Variant:
    """One variant of a main interpretation, tagged also with ``family`` and ``setting``. ``cells``
    are the names of those it bears on, ``about`` is the one that it is made for, None where it is
    about all of them."""

    interpretation: Interpretation
    cells: tuple[str, ...]
    about: str | None

    @property
    def family(self) -> str:
        """What is varied."""
        return self.interpretation.tags["family"]


@dataclass(frozen=True, kw_only=True)
class VariantRow(Cell):
    """One cell of one variant, and the cell that the variant is made for."""

    about: str | None = tables.told("made for")


VARIANTS = tables.Table("axioms/variants.csv", VariantRow)


def make_variant(
    family: Family,
    setting: str,
    changed: Interpretation,
    cells: tuple[str, ...] = ALL_CELLS,
    about: str | None = None,
) -> Variant:
    """Tag a main interpretation with some maps replaced. It keeps the other objects, so that they
    are evaluated once for all variants. ``setting`` is what the family varies, in words; empty
    where it varies nothing."""
    tags = {**changed.tags, "family": family} | ({"setting": setting} if setting else {})
    tagged = replace(changed, name="/".join(tags.values()), tags=tags)
    return Variant(tagged, cells, about)


def variant_rows(variant: Variant, report: AxiomReport) -> list[VariantRow]:
    """The cells that a variant bears on."""
    return [
        VariantRow(**vars(cell), about=variant.about)
        for cell in report.cells
        if cell.name in variant.cells
    ]


def with_evaluate(
    interpretation: Interpretation,
    *,
    program: Map | None = None,
    alpha: Map | None = None,
    gamma: Map | None = None,
    equivalence: Equivalence | None = None,
) -> Interpretation:
    """Replace what is given of the evaluate component and of the cut after it."""

    def put(parts: tuple[Any, ...], place: int, part: Any) -> tuple[Any, ...]:
        return (*parts[:place], part or parts[place], *parts[place + 1 :])

    return replace(
        interpretation,
        abstract=put(interpretation.abstract, 1, program),
        alphas=put(interpretation.alphas, 2, alpha),
        gammas=put(interpretation.gammas, 2, gamma),
        equivalences=put(interpretation.equivalences, 2, equivalence),
    )


@dataclass(frozen=True, kw_only=True)
class ToleranceRow(Estimate):
    """One point of the curve of one interpretation, whose residual plays no part."""

    tags: Mapping[str, str] = tables.told()
    tolerance: int = tables.told("wrong neurons tolerated")
    n_neurons: int = tables.told("neurons")


TOLERANCE = tables.Table("axioms/tolerance.csv", ToleranceRow)


def tolerance_curve(
    distances: Shaped[Tensor, " sample"],
    n_neurons: int,
    *,
    tags: Mapping[str, str],
    confidence: float,
) -> list[ToleranceRow]:
    """ε of evaluate equivalence for every number of neurons that may be wrong. ``distances`` say in
    how many neurons the two sides differ, for each sample."""
    within = distances.long().bincount(minlength=n_neurons + 1).cumsum(0)
    return [
        ToleranceRow(
            **vars(Estimate.of(count, len(distances), confidence)),
            tags=tags,
            tolerance=tolerance,
            n_neurons=n_neurons,
        )
        for tolerance, count in enumerate((len(distances) - within).tolist())
    ]
