"""Which cells are searched, and what is kept of them."""

from mechval.axioms.report import cell_name
from mechval.two_sat.single.counterexamples import (
    distinct_clauses,
    failing_cells,
    smallest_formulas,
)
from tests.unit.two_sat.single.examples import LIMIT, audit, corpora_splits, subject


def cells() -> list:
    return failing_cells(list(subject().interpretations.values()), audit())


def test_cells_that_fail_on_the_same_formulas_are_searched_once() -> None:
    parse = [cell for cell in cells() if cell.component == "parse"]
    assert [len(cell.same_in) for cell in parse] == [2] * len(parse)


def test_every_distinct_failing_cell_is_searched() -> None:
    searched = {
        (name, cell_name(cell.key.axiom, cell.component))
        for cell in cells()
        for name in cell.same_in
    }
    repeated = {"component equivalence/parse", "component replaceability/parse"}
    repeated |= {"prefix replaceability/output", "component replaceability/output"}
    failing = {
        (name, cell)
        for name, cells in audit().items()
        for cell, disagrees in cells.items()
        if disagrees.any() and cell not in repeated
    }
    assert searched == failing


def test_a_cell_without_disagreements_is_not_searched() -> None:
    silent = {
        name: {cell: disagrees & False for cell, disagrees in cells.items()}
        for name, cells in audit().items()
    }
    assert failing_cells(list(subject().interpretations.values()), silent) == []


def test_the_smallest_formulas_come_first_and_are_no_larger_than_any_found() -> None:
    _, test = corpora_splits()
    for cell in cells():
        found = smallest_formulas(subject(), cell, test, LIMIT)
        sizes = [len(distinct_clauses(formula)) for formula in found]
        failing = test.clause_ids[cell.disagrees]
        assert 1 <= len(found) <= LIMIT
        assert sizes == sorted(sizes)
        assert sizes[0] <= min(len(distinct_clauses(formula)) for formula in failing)
