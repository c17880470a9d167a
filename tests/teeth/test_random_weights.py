"""A network that never learned anything: replaceability passes, and the suite says why."""

import pytest

from mechval.axioms import AxiomReport, Cell, Verdict, clopper_pearson_upper
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.network.components import Components
from tests.networks import SMALL_PROBLEM, random_network, small_corpora
from tests.settings import TWO_SAT, changed
from tests.teeth.wrong import RIGHT, Subject, judge_all


@pytest.fixture(scope="module")
def report() -> AxiomReport:
    model = random_network(SMALL_PROBLEM, seed=0)
    splits = small_corpora(SMALL_PROBLEM, 400).splits
    circuit = extract_circuit(
        Components(model, SMALL_PROBLEM),
        splits["analysis.fit"],
        config=changed(TWO_SAT.circuit, readings=("calibrated",)),
        seed=0,
    )
    subject = Subject(SMALL_PROBLEM, circuit, "calibrated", Components(model, SMALL_PROBLEM))
    return judge_all(subject, splits["analysis.test"])[RIGHT]


def replaceability(report: AxiomReport) -> list[Cell]:
    return [cell for cell in report.cells if cell.axiom.is_replaceability and cell.repeats is None]


def test_its_label_is_constant(report: AxiomReport) -> None:
    assert (report.n_labels, report.label_entropy) == (1, 0.0)


def test_replaceability_passes_trivially(report: AxiomReport) -> None:
    smallest = clopper_pearson_upper(0, 200, 0.95)
    assert {cell.epsilon for cell in replaceability(report)} == {smallest}


def test_no_cell_that_judges_labels_gets_a_verdict(report: AxiomReport) -> None:
    judged = {cell.verdict for cell in report.cells} - {Verdict.NOT_JUDGED}
    assert judged == {Verdict.CONSTANT_NETWORK}


def test_the_verdict_is_told_in_words(report: AxiomReport) -> None:
    assert {cell.verdict.value for cell in replaceability(report)} == {"none: t is constant"}


def test_its_parse_does_not_pass(report: AxiomReport) -> None:
    assert report.cells[0].rate > 0.5
