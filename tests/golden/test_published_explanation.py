"""Two formulas through the published checkpoint, with the committed circuit of run ``published``.

The numbers were read off once; what they must agree with (solver, truth table) is tested apart.
"""

from pathlib import Path

import pytest

from mechval.pipeline import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.two_sat.formulas.text import random_formula, read_formula
from mechval.two_sat.single.explain import explain_formula
from mechval.two_sat.single.subject import Subject, load_subject

ROOT = Path(__file__).resolve().parents[2]
CHAIN = "(~x0 | x1) & (~x1 | x2) & (~x2 | x3) & (~x3 | x4) & (~x0 | ~x4) & (x0 | x1) & (x0 | ~x3)"


@pytest.fixture(scope="module")
def subject(published_checkpoint: Path) -> Subject:
    return load_subject(FinishedRun(Workspace(ROOT), "two_sat", "published"), published_checkpoint)


def test_a_drawn_formula_is_answered_by_three_neurons_and_a_fourth_stays_below_its_cut(
    subject: Subject,
) -> None:
    found = explain_formula(subject, random_formula(subject.problem, 3))
    assert found.margin == pytest.approx(49.53, abs=0.01)
    assert (found.label, found.satisfiable) == ("satisfiable", True)
    assert len(found.assignments) == 4
    assert all(clause.agrees for clause in found.clauses)
    assert min(clause.margin for clause in found.clauses) == pytest.approx(0.1314, abs=1e-3)
    assert [n.neuron for n in found.neurons if n.fires] == [224, 317, 450]
    for version in ("trees", "disjunction"):
        expected = [n.neuron for n in found.neurons if n.expected[version]]
        assert expected == [224, 317, 380, 450]
    assert {(c.component, c.responsible) for c in found.cells if c.disagrees} == {
        ("evaluate", "neuron 380 is off, not on")
    }


def test_a_chain_of_implications_is_refuted_with_no_neuron_on(subject: Subject) -> None:
    found = explain_formula(subject, read_formula(subject.problem, CHAIN))
    assert found.margin == pytest.approx(-5.55, abs=0.01)
    assert (found.token, found.satisfiable) == ("u", False)
    assert all(clause.written in found.witness for clause in found.clauses)
    assert not any(n.fires or any(n.expected.values()) for n in found.neurons)
    assert not any(cell.disagrees for cell in found.cells)


def test_where_the_network_is_wrong_the_cells_blame_it(subject: Subject) -> None:
    found = explain_formula(subject, random_formula(subject.problem, 40))
    assert (found.label, found.satisfiable) == ("unsatisfiable", True)
    assert found.margin == pytest.approx(-0.755, abs=0.01)
    labels = [cell for cell in found.cells if cell.disagrees and cell.component != "evaluate"]
    assert {cell.axiom for cell in labels} == {"prefix equivalence"}
    assert {(cell.network, cell.program, cell.wrong) for cell in labels} == {
        ("unsatisfiable", "satisfiable", "network")
    }


def test_where_only_a_parsed_state_misleads_the_network_the_cell_blames_the_interpretation(
    subject: Subject,
) -> None:
    found = explain_formula(subject, random_formula(subject.problem, 20))
    assert (found.label, found.satisfiable) == ("satisfiable", True)
    blamed = [cell for cell in found.cells if cell.wrong]
    assert {(cell.axiom, cell.component) for cell in blamed} == {("prefix replaceability", "parse")}
    assert {cell.wrong for cell in blamed} == {"interpretation"}
