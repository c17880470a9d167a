"""A variant: an interpretation that differs from a main one in one respect.

Each says which cells it bears on; in all others it agrees with its base by construction.

Source: paper section 4; PAPER.md section 2, variants.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from mechval import tables
from mechval.axioms import Axiom, AxiomReport, Cell, Equivalence, Interpretation, Map
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
    """One variant of a main interpretation.

    Attributes:
        interpretation: tagged as its base is, and with ``family`` and ``setting``.
        cells: names of the cells it bears on.
        about: the cell that it is made for; None where it is about all of them.
    """

    interpretation: Interpretation
    cells: tuple[str, ...]
    about: str | None

    @property
    def family(self) -> str:
        """What is varied."""
        return self.interpretation.tags["family"]


@dataclass(frozen=True, kw_only=True)
class VariantRow(Cell):
    """One cell of one variant: a row of variants.csv.

    Attributes:
        about: the cell that the variant is made for; None where it is about all of them.
    """

    about: str | None = tables.told("made for")


VARIANTS = tables.Table("axioms/variants.csv", VariantRow)


def make_variant(
    family: Family,
    setting: str,
    changed: Interpretation,
    cells: tuple[str, ...] = ALL_CELLS,
    about: str | None = None,
) -> Variant:
    """Tag a changed interpretation.

    Args:
        setting: what the family varies, in words; empty where it varies nothing.
        changed: a main interpretation with some maps replaced; it keeps the other objects, so
            that they are evaluated once for all variants.
    """
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
