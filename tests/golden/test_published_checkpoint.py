"""The published checkpoint gives what the paper reports (section 4).

Sizes are smaller than the paper's, so each published ε is turned back into its rate and must lie
in the two-sided 99.9 % interval of the rate measured here.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from scipy.stats import binomtest

from mechval.axioms import AxiomReport, disagreements_from_epsilon
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.claim.assess import Question, validate
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import measure_accuracy
from tests.networks import PUBLISHED_PROBLEM, published_network, small_corpora
from tests.settings import TWO_SAT, changed

pytestmark = pytest.mark.slow

N_TEST = 8_000
PAPER_N = 80_001
QUESTION = Question(TWO_SAT.circuit, changed(TWO_SAT.axioms, residuals=("attn_out",)), 0.7387)
COMPONENTS = ("parse", "evaluate", "output")

# The axiom table of paper section 4, in the order of COMPONENTS.
PUBLISHED_EPSILONS = {
    "trees": {
        "prefix equivalence": (3.74e-5, 0.182, 0.0128),
        "component equivalence": (3.74e-5, 0.182, 0.00433),
        "prefix replaceability": (0.0418, 0.0128, 0.0128),
        "component replaceability": (0.0418, 0.0128, 0.00433),
    },
    "disjunction": {
        "prefix equivalence": (3.74e-5, 0.309, 0.00290),
        "component equivalence": (3.74e-5, 0.309, 0.00433),
        "prefix replaceability": (0.0418, 0.00290, 0.00290),
        "component replaceability": (0.0418, 0.00290, 0.00433),
    },
}
CASES = [
    (version, f"{axiom}/{component}", epsilon)
    for version, table in PUBLISHED_EPSILONS.items()
    for axiom, row in table.items()
    for component, epsilon in zip(COMPONENTS, row, strict=True)
]


@dataclass(frozen=True)
class Reproduction:
    """Everything measured once for all tests of this module."""

    circuit: Circuit
    reports: dict[str, AxiomReport]
    accuracy: float


@pytest.fixture(scope="module")
def measured(published_checkpoint: Path) -> Reproduction:
    model = published_network(published_checkpoint)
    corpora = small_corpora(PUBLISHED_PROBLEM, 2 * N_TEST)
    test = corpora.splits["analysis.test"]
    network, fit = Components(model, PUBLISHED_PROBLEM), corpora.splits["analysis.fit"]
    circuit = extract_circuit(network, fit, config=QUESTION.circuit, seed=0)
    reports = validate(network, circuit, test, QUESTION)
    return Reproduction(
        circuit=circuit,
        reports={report.interpretation: report for report in reports},
        accuracy=measure_accuracy(network, test).accuracy,
    )


@pytest.mark.parametrize(("version", "cell", "epsilon"), CASES)
def test_a_published_epsilon_lies_in_the_interval_measured_here(
    measured: Reproduction, version: str, cell: str, epsilon: float
) -> None:
    report = measured.reports[f"{version}/paper/attn_out"]
    (found,) = (found for found in report.cells if found.name == cell)
    interval = binomtest(found.disagreements, found.n).proportion_ci(0.999)
    rate = disagreements_from_epsilon(epsilon, PAPER_N, 0.95) / PAPER_N
    assert interval.low <= rate <= interval.high


@pytest.mark.parametrize("reading", ["calibrated", "paper"])
def test_both_rules_find_the_34_evaluating_neurons(
    measured: Reproduction, reading: ReadingName
) -> None:
    assert len(measured.circuit.readings[reading].neurons) == 34


def test_both_rules_find_the_same_neurons(measured: Reproduction) -> None:
    readings = measured.circuit.readings
    assert readings["calibrated"].neurons.equal(readings["paper"].neurons)


@pytest.mark.parametrize("reading", ["calibrated", "paper"])
def test_no_bit_is_constant(measured: Reproduction, reading: ReadingName) -> None:
    assert len(measured.circuit.readings[reading].constant_neurons) == 0


@pytest.mark.parametrize("reading", ["calibrated", "paper"])
def test_trees_and_disjunctions_cover_all_32_assignments(
    measured: Reproduction, reading: ReadingName
) -> None:
    found = measured.circuit.readings[reading]
    covered = (found.trees.program, found.trees.unpruned, found.disjunctions)
    assert [len(program.covered()) for program in covered] == [32, 32, 32]


def test_34_coefficients_exceed_2_9_one_is_idle_and_the_rest_vanish(
    measured: Reproduction,
) -> None:
    ordered = measured.circuit.effects.coefficient.sort(descending=True).values
    large, idle, rest = ordered[:34], ordered[34], ordered[35:]
    assert float(large.min()) > 2.9
    assert float(idle) == pytest.approx(0.127, abs=5e-4)
    assert float(rest.abs().max()) < 1e-11


def test_parse_equivalence_has_no_disagreement(measured: Reproduction) -> None:
    counts = {report.cells[0].disagreements for report in measured.reports.values()}
    assert counts == {0}


def test_accuracy_is_the_published_one(measured: Reproduction) -> None:
    interval = binomtest(round(measured.accuracy * N_TEST), N_TEST).proportion_ci(0.999)
    assert interval.low <= 0.9976 <= interval.high


def test_the_program_and_the_network_never_break_the_inclusion(measured: Reproduction) -> None:
    violations = {
        count
        for report in measured.reports.values()
        for count in report.inclusion_violations.values()
    }
    assert violations == {0}
