"""Wrong interpretations of the published network: which cells must break, which must not move."""

from pathlib import Path

import pytest

from mechval.axioms import AxiomReport, Verdict, clopper_pearson_lower
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.network.components import Components
from tests.networks import PUBLISHED_PROBLEM, published_network, small_corpora
from tests.settings import TWO_SAT, changed
from tests.teeth.wrong import RIGHT, WRONG, Subject, counts, judge_all, moved_cells

pytestmark = pytest.mark.slow

FORMULAS = 3_000

# For each wrong interpretation the cells that break, and an ε that the right one stays below and
# the wrong one exceeds.
BROKEN: dict[str, dict[str, float]] = {
    "permuted prototypes": {
        "prefix equivalence/parse": 0.95,
        "component equivalence/parse": 0.95,
        "component equivalence/evaluate": 0.6,
        "prefix replaceability/parse": 0.35,
        "component replaceability/parse": 0.35,
        "component replaceability/evaluate": 0.35,
    },
    "AND for OR": {
        "prefix equivalence/output": 0.4,
        "component equivalence/output": 0.4,
        "prefix replaceability/output": 0.4,
        "component replaceability/output": 0.4,
    },
    "one tree negated": {
        "prefix equivalence/evaluate": 0.95,
        "component equivalence/evaluate": 0.95,
        "prefix equivalence/output": 0.4,
        "prefix replaceability/evaluate": 0.4,
        "component replaceability/evaluate": 0.4,
        "prefix replaceability/output": 0.4,
    },
    "inverted gamma": {
        "prefix replaceability/evaluate": 0.4,
        "component replaceability/evaluate": 0.4,
    },
    "neighbour clause": {
        "prefix equivalence/parse": 0.95,
        "component equivalence/parse": 0.95,
    },
}

CASES = [pytest.param(name, cell, id=f"{name}: {cell}") for name in BROKEN for cell in BROKEN[name]]


@pytest.fixture(scope="module")
def reports(published_checkpoint: Path) -> dict[str, AxiomReport]:
    model = published_network(published_checkpoint)
    splits = small_corpora(PUBLISHED_PROBLEM, FORMULAS).splits
    circuit = extract_circuit(
        Components(model, PUBLISHED_PROBLEM),
        splits["analysis.fit"],
        config=changed(TWO_SAT.circuit, readings=("paper",)),
        seed=0,
    )
    subject = Subject(PUBLISHED_PROBLEM, circuit, "paper", Components(model, PUBLISHED_PROBLEM))
    return judge_all(subject, splits["analysis.test"])


def test_every_wrong_interpretation_is_tried() -> None:
    assert BROKEN.keys() == WRONG.keys()


@pytest.mark.parametrize(("name", "cell"), CASES)
def test_a_cell_that_must_break_exceeds_its_epsilon(
    reports: dict[str, AxiomReport], name: str, cell: str
) -> None:
    count, n = counts(reports[name])[cell], FORMULAS // 2
    assert clopper_pearson_lower(count, n, 0.999) > BROKEN[name][cell]


@pytest.mark.parametrize(("name", "cell"), CASES)
def test_the_right_interpretation_stays_below_that_epsilon(
    reports: dict[str, AxiomReport], name: str, cell: str
) -> None:
    epsilons = {found.name: found.epsilon for found in reports[RIGHT].cells}
    assert epsilons[cell] < BROKEN[name][cell]


@pytest.mark.parametrize("name", BROKEN)
def test_no_other_cell_moves_on_any_formula(reports: dict[str, AxiomReport], name: str) -> None:
    assert moved_cells(reports[name], reports[RIGHT]) == BROKEN[name].keys()


def test_the_right_interpretation_beats_the_constant_program_everywhere(
    reports: dict[str, AxiomReport],
) -> None:
    judged = {cell.verdict for cell in reports[RIGHT].cells} - {Verdict.NOT_JUDGED}
    assert judged == {Verdict.BETTER}


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("permuted prototypes", "prefix replaceability/parse"),
        ("AND for OR", "prefix equivalence/output"),
        ("one tree negated", "prefix replaceability/evaluate"),
        ("inverted gamma", "component replaceability/evaluate"),
    ],
)
def test_a_broken_cell_does_not_beat_the_constant_program(
    reports: dict[str, AxiomReport], name: str, cell: str
) -> None:
    verdicts = {found.name: found.verdict for found in reports[name].cells}
    assert verdicts[cell] == Verdict.NOT_BETTER
