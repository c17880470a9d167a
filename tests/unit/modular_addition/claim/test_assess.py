"""Any modular-addition network is assessed; one without key frequencies says why it is not."""

import pytest
import torch

from mechval.axioms.progress import Validation
from mechval.modular_addition.claim.assess import NetworkFacts, assess_network
from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.network.model import make_network
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer
from tests.settings import MODULAR_ADDITION
from tests.waves import wave_network

PROBLEM = ModularAddition(p=59)
SPLIT = draw_split(PROBLEM, MODULAR_ADDITION.data, 0)
Assessed = Validation[NetworkFacts]
NAMES = ["used/pseudo_inverse/rounded-3/downstream", "used/pseudo_inverse/unrounded/downstream"]


def assess(model: Transformer) -> Assessed:
    return assess_network(
        model,
        PROBLEM,
        SPLIT,
        circuit=MODULAR_ADDITION.circuit,
        axioms=MODULAR_ADDITION.axioms,
    )


@pytest.fixture(scope="module")
def right() -> Assessed:
    return assess(wave_network(PROBLEM, (3, 8, 14, 20)))


@pytest.fixture(scope="module")
def untrained() -> Assessed:
    model = make_network(PROBLEM, Architecture(d_model=64, d_mlp=64, n_heads=(4,)))
    model.initialise(torch.Generator().manual_seed(0))
    return assess(model)


def test_a_network_that_adds_by_waves_is_interpreted(right: Assessed) -> None:
    assert [report.interpretation for report in right.reports] == NAMES
    assert right.refusals == {}
    assert right.facts.key_frequencies == (3, 8, 14, 20)


def test_its_axioms_are_judged_on_the_held_out_inputs(right: Assessed) -> None:
    rounded = right.reports[0]
    assert {cell.n for cell in rounded.cells} == {len(SPLIT.test)}
    assert [cell.disagreements for cell in rounded.cells if cell.component == "answer"] == [0] * 4


def test_a_network_without_key_frequencies_is_refused_with_the_reason(
    untrained: Validation,
) -> None:
    assert untrained.reports == ()
    assert list(untrained.refusals) == NAMES
    assert all("no key frequencies" in why for why in untrained.refusals.values())


def test_facts_are_told_of_every_network(right: Assessed, untrained: Assessed) -> None:
    assert right.facts.n == untrained.facts.n == len(SPLIT.test)
    assert untrained.facts.key_frequencies == ()
    assert untrained.facts.test_accuracy < 0.5 < right.facts.test_accuracy
