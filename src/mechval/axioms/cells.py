"""The 4·d cells of an axiom table, and which of them measure one and the same thing."""

from dataclasses import dataclass
from enum import StrEnum

from mechval.axioms.interpretation import Interpretation


class Axiom(StrEnum):
    """The four axioms, in the paper's order, by their names in words."""

    PREFIX_EQUIVALENCE = "prefix equivalence"
    COMPONENT_EQUIVALENCE = "component equivalence"
    PREFIX_REPLACEABILITY = "prefix replaceability"
    COMPONENT_REPLACEABILITY = "component replaceability"

    @property
    def number(self) -> int:
        """Its number in the paper, from 1 to 4."""
        return list(Axiom).index(self) + 1

    @property
    def label(self) -> str:
        """Its name in words. To be removed: the value says it."""
        return self.value

    @property
    def is_prefix(self) -> bool:
        """Whether the program runs from the input on, rather than for one component."""
        return self in (Axiom.PREFIX_EQUIVALENCE, Axiom.PREFIX_REPLACEABILITY)

    @property
    def is_replaceability(self) -> bool:
        """Whether the two sides are labels of the network rather than abstract states."""
        return self in (Axiom.PREFIX_REPLACEABILITY, Axiom.COMPONENT_REPLACEABILITY)


@dataclass(frozen=True)
class CellKey:
    """One axiom at one component (1-based)."""

    axiom: Axiom
    component: int

    @property
    def place(self) -> tuple[int, int]:
        """What cells are ordered by in a table: axiom first."""
        return self.axiom.number, self.component


def representative_cells(interpretation: Interpretation) -> dict[CellKey, CellKey]:
    """Map each of the 4·d cells, in table order, to the first cell with the same two sides.

    At component 1 prefix and component coincide, so axiom 2 repeats 1 and 4 repeats 3. At
    component d, where α_d and γ_d are the identity, replacing the prefix leaves nothing of the
    network to run, so axiom 3 repeats 1 and 4 repeats 2. That leaves 4·d - 4 distinct cells for
    d > 1, and a single one for d = 1.

    Source: PAPER.md section 1.
    """
    return {
        CellKey(axiom, component): _representative(interpretation, axiom, component)
        for axiom in Axiom
        for component in range(1, interpretation.n_components + 1)
    }


def distinct_cells(interpretation: Interpretation) -> tuple[CellKey, ...]:
    """List, in table order, the cells that repeat no earlier one."""
    cells = representative_cells(interpretation)
    return tuple(key for key, representative in cells.items() if key == representative)


def judges_label(interpretation: Interpretation, key: CellKey) -> bool:
    """Whether a cell compares predicted labels, so that a constant program is its baseline."""
    return key.axiom.is_replaceability or key.component == interpretation.n_components


def maps_of(interpretation: Interpretation, key: CellKey) -> tuple[object, ...]:
    """Identify a cell by the axiom, the component and the very maps its two sides are made of.

    Interpretations of one network whose cells have the same maps measure the same thing there.
    """
    i = key.component
    start = 0 if key.axiom.is_prefix else i - 1
    program = (interpretation.alphas[start], *interpretation.abstract[start:i])
    if key.axiom.is_replaceability:
        judged = (interpretation.gammas[i], interpretation.equivalences[-1].distance)
    else:
        judged = (interpretation.alphas[i], interpretation.equivalences[i].distance)
    return (key, *(id(part) for part in (*program, *judged)))


def _representative(interpretation: Interpretation, axiom: Axiom, component: int) -> CellKey:
    number = axiom.number
    if component == 1 and number in (2, 4):
        number -= 1
    is_last = component == interpretation.n_components
    if is_last and interpretation.output_is_label and number in (3, 4):
        number -= 2
    return CellKey(list(Axiom)[number - 1], component)
