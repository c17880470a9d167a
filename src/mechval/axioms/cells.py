"""The 4·d cells of an axiom table, and which of them measure one and the same thing."""

from mechval.axioms.base import Axiom, CellKey, Interpretation


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


def _representative(interpretation: Interpretation, axiom: Axiom, component: int) -> CellKey:
    number = axiom.number
    if component == 1 and number in (2, 4):
        number -= 1
    is_last = component == interpretation.n_components
    if is_last and interpretation.output_is_label and number in (3, 4):
        number -= 2
    return CellKey(list(Axiom)[number - 1], component)
