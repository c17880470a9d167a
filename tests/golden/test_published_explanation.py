"""Two formulas through the published checkpoint, with the committed circuit of run ``published``.

The numbers were read off once; what they must agree with (solver, truth table) is tested apart.
"""

from pathlib import Path

import pytest

from mechval.pipeline import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.two_sat.formulas.text import random_formula, read_formula
from mechval.two_sat.single.explain import explain_formula
from mechval.two_sat.single.subject import Explained, load_explained

ROOT = Path(__file__).resolve().parents[2]
CHAIN = "(~x0 | x1) & (~x1 | x2) & (~x2 | x3) & (~x3 | x4) & (~x0 | ~x4) & (x0 | x1) & (x0 | ~x3)"


@pytest.fixture(scope="module")
def explained(published_checkpoint: Path) -> Explained:
    return load_explained(
        FinishedRun(Workspace(ROOT), "two_sat", "published"), published_checkpoint
    )


def test_a_drawn_formula_is_answered_by_three_neurons_and_a_fourth_stays_below_its_cut(
    explained: Explained,
) -> None:
    found = explain_formula(explained, random_formula(explained.problem, 3))
    assert found.answer.margin == pytest.approx(49.53, abs=0.01)
    assert (found.answer.satisfiable, found.solver.satisfiable) == (True, True)
    assert len(found.assignments) == 4
    assert all(clause.agrees for clause in found.clauses)
    assert min(clause.margin for clause in found.clauses) == pytest.approx(0.1314, abs=1e-3)
    assert [n.neuron for n in found.neurons if n.fires] == [224, 317, 450]
    for version in ("trees", "disjunction"):
        expected = [n.neuron for n in found.neurons if n.expected[version]]
        assert expected == [224, 317, 380, 450]
    assert {(c.component, c.network) for c in found.cells if c.disagrees} == {
        ("evaluate", "380 off")
    }


def test_a_chain_of_implications_is_refuted_with_no_neuron_on(explained: Explained) -> None:
    found = explain_formula(explained, read_formula(explained.problem, CHAIN))
    assert found.answer.margin == pytest.approx(-5.55, abs=0.01)
    assert (found.answer.token, found.solver.satisfiable) == ("u", False)
    assert set(found.solver.core) == set(CHAIN.split(" & "))
    assert not any(n.fires or any(n.expected.values()) for n in found.neurons)
    assert not any(cell.disagrees for cell in found.cells)


def test_where_the_network_is_wrong_the_cells_blame_it(explained: Explained) -> None:
    found = explain_formula(explained, random_formula(explained.problem, 40))
    assert (found.answer.satisfiable, found.solver.satisfiable) == (False, True)
    assert found.answer.margin == pytest.approx(-0.755, abs=0.01)
    labels = [cell for cell in found.cells if cell.disagrees and cell.component != "evaluate"]
    assert {cell.axiom for cell in labels} == {"prefix equivalence"}
    assert {(cell.network, cell.interpreted, cell.wrong) for cell in labels} == {
        ("UNSAT", "SAT", "network")
    }


def test_where_only_a_parsed_state_misleads_the_network_the_cell_blames_the_interpretation(
    explained: Explained,
) -> None:
    found = explain_formula(explained, random_formula(explained.problem, 20))
    assert (found.answer.satisfiable, found.solver.satisfiable) == (True, True)
    blamed = [cell for cell in found.cells if cell.wrong]
    assert {(cell.axiom, cell.component) for cell in blamed} == {("prefix replaceability", "parse")}
    assert {cell.wrong for cell in blamed} == {"interpretation"}
