"""Any network is assessed: what cannot be interpreted is told and does not raise."""

import pytest
import torch

from mechval.axioms import Axiom, Verdict
from mechval.axioms.progress import Validation
from mechval.transformer import Transformer
from mechval.two_sat.claim.assess import NetworkFacts, Question, assess_network
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import measure_accuracy
from tests.networks import SMALL_PROBLEM, random_network, small_corpora
from tests.settings import TWO_SAT, changed

QUESTION = Question(TWO_SAT.circuit, changed(TWO_SAT.axioms, residuals=("resid_mid",)), 0.85)


@pytest.fixture(scope="module")
def splits() -> tuple[Split, Split]:
    made = small_corpora(SMALL_PROBLEM, 400).splits
    return made["analysis.fit"], made["analysis.test"]


def assess(model: Transformer, splits: tuple[Split, Split]) -> Validation[NetworkFacts]:
    fit, test = splits
    return assess_network(Components(model, SMALL_PROBLEM), fit, test, question=QUESTION, seed=0)


@pytest.fixture(scope="module")
def untrained(splits: tuple[Split, Split]) -> Validation[NetworkFacts]:
    return assess(random_network(SMALL_PROBLEM), splits)


def test_an_untrained_network_gets_a_table_without_a_good_verdict(
    untrained: Validation[NetworkFacts],
) -> None:
    verdicts = {cell.verdict for report in untrained.reports for cell in report.cells}
    assert verdicts == {Verdict.NOT_JUDGED, Verdict.CONSTANT_NETWORK}


def test_an_untrained_network_does_not_parse(untrained: Validation[NetworkFacts]) -> None:
    parse = [
        cell.rate
        for report in untrained.reports
        for cell in report.cells
        if cell.component == "parse" and cell.axiom == Axiom.PREFIX_EQUIVALENCE
    ]
    assert min(parse) > 0.5


def test_every_interpretation_asked_for_is_reported_or_refused(
    untrained: Validation[NetworkFacts],
) -> None:
    told = [*(report.interpretation for report in untrained.reports), *untrained.refusals]
    assert sorted(told) == sorted([*QUESTION.names("calibrated"), *QUESTION.names("paper")])


def test_a_reading_that_finds_nothing_says_so(splits: tuple[Split, Split]) -> None:
    faint = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        faint.block(1).mlp.W_out.mul_(1e-3)
    validation = assess(faint, splits)
    assert {report.interpretation for report in validation.reports} == set(
        QUESTION.names("calibrated")
    )
    assert validation.refusals == dict.fromkeys(
        QUESTION.names("paper"),
        "the paper rules select 0 neurons, none with a bit that changes",
    )
    assert validation.facts.neurons["paper"].evaluating == 0


def test_a_network_without_active_neurons_is_refused_with_the_reason(
    splits: tuple[Split, Split],
) -> None:
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        model.block(1).mlp.W_in.zero_()
    validation = assess(model, splits)
    assert validation.reports == ()
    assert len(validation.refusals) == 4
    assert all("no neuron whose bit changes" in why for why in validation.refusals.values())


def test_the_facts_are_the_same_for_every_network(
    untrained: Validation[NetworkFacts], splits: tuple[Split, Split]
) -> None:
    silent = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        silent.block(1).mlp.W_in.zero_()
    assert list(assess(silent, splits).facts.neurons) == list(untrained.facts.neurons)


def test_loss_and_accuracy_are_those_of_the_test_sample(splits: tuple[Split, Split]) -> None:
    model = random_network(SMALL_PROBLEM, seed=3)
    with torch.no_grad():
        model.W_U.zero_()
    facts = assess(model, splits).facts
    n_wrong = measure_accuracy(Components(model, SMALL_PROBLEM), splits[1]).wrong_count
    assert facts.accuracy == 1 - n_wrong / len(splits[1])
    # Without an unembedding every one of the 12 tokens is as likely as any other.
    assert facts.loss == pytest.approx(torch.log(torch.tensor(12.0)).item())
