"""The published low-precision network for p = 113: what this code reads off it stays so.

The file is not the paper's mainline network; numbers are this project's own measurements.
"""

import os
from pathlib import Path

import pytest

from mechval.axioms import AxiomReport
from mechval.modular_addition.circuit.extract import Circuit, extract_circuit
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint
from tests.conftest import CHECKPOINTS_VARIABLE, ROOT, Require
from tests.settings import MODULAR_ADDITION
from tests.waves import Subject

pytestmark = pytest.mark.slow

PROBLEM = ModularAddition(p=113)
FREQUENCIES = (3, 6, 23, 35, 39)


@pytest.fixture(scope="module")
def subject(require: Require) -> Subject:
    beside = ROOT.parent / "shared" / "checkpoints"
    folder = Path(os.environ.get(CHECKPOINTS_VARIABLE, beside))
    path = require(folder / "nanda2023-modular-addition-low-precision.pth")
    model = Transformer(MODULAR_ADDITION.architecture, d_vocab=PROBLEM.d_vocab, n_ctx=PROBLEM.n_ctx)
    load_foreign_checkpoint(model, path)
    return Subject.of(PROBLEM, model, FREQUENCIES)


@pytest.fixture(scope="module")
def circuit(subject: Subject) -> Circuit:
    return extract_circuit(subject.model, PROBLEM, subject.activations, MODULAR_ADDITION.circuit)


@pytest.fixture(scope="module")
def report(subject: Subject) -> AxiomReport:
    return subject.judge(subject.interpretation(reading="all_tokens"))


def test_seven_of_all_inputs_are_wrong(subject: Subject) -> None:
    wrong = subject.activations.labels != PROBLEM.answers(PROBLEM.all_pairs())
    assert int(wrong.sum()) == 7


def test_the_paper_s_rule_finds_them_in_the_embedding(circuit: Circuit) -> None:
    assert circuit.embedded.frequencies.tolist() == [*FREQUENCIES]
    assert circuit.embedded.gap == pytest.approx(8.53, abs=0.01)


def test_one_of_them_reaches_no_neuron_and_no_logit_and_is_not_key(circuit: Circuit) -> None:
    assert circuit.key.frequencies.tolist() == [3, 6, 23, 39]
    assert circuit.key.gap == pytest.approx(10.7, abs=0.1)
    rows = {row.frequency: row for row in circuit.frequencies}
    assert rows[35].neurons == 0
    assert rows[35].logit_variance_share < 1e-5
    assert [rows[k].neurons for k in (3, 6, 23, 39)] == pytest.approx([88, 110, 209, 105], abs=2)


def test_replacing_by_the_program_costs_only_the_network_s_own_errors(report: AxiomReport) -> None:
    found = {cell.name: cell.disagreements for cell in report.cells}
    assert found["prefix equivalence/answer"] == found["prefix replaceability/add"] == 7
    assert found["prefix replaceability/embed"] == pytest.approx(35, abs=3)
    assert found["component equivalence/answer"] == pytest.approx(186, abs=5)


def test_the_paper_s_reading_is_vacuous_and_the_pseudo_inverse_fails(
    subject: Subject, report: AxiomReport
) -> None:
    assert subject.translations.readers["all_tokens"].is_vacuous
    assert not subject.translations.readers["pseudo_inverse"].is_vacuous
    inverted = subject.judge(subject.interpretation())
    assert report.cells[0].disagreements == 0
    assert inverted.cells[0].disagreements == PROBLEM.n_pairs


def test_the_key_frequencies_carry_the_logits(circuit: Circuit) -> None:
    assert circuit.facts.logit_sum_wave_share > 0.9
