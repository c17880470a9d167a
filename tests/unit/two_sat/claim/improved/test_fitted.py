"""Fitted programs: kept as they are, measured for what they are, refused if they are not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mechval.errors import MechvalError
from mechval.two_sat.claim.bench import written_pairs
from mechval.two_sat.claim.improved import fitted
from mechval.two_sat.claim.improved.fitted import (
    FittedPrograms,
    ProgramErrors,
    choosing_formulas,
    fit_programs,
    improved_reading,
    load_programs,
    measure_errors,
    save_programs,
)
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import AnswerState, Components
from tests.networks import (
    HIGH,
    SMALL_PROBLEM,
    hand_made_circuit,
    one_neuron_per_assignment,
    random_network,
    small_corpora,
)
from tests.settings import TWO_SAT, changed
from tests.unit.two_sat.programs import test_mirrored, test_voting

FITTED = FittedPrograms(
    {"4 bits": test_voting.random_program(), "price 1": test_mirrored.random_program()}
)
FORMULAS = small_corpora(SMALL_PROBLEM, 800).splits["analysis.fit"]
ONE_PROGRAM = {"5 neurons": test_mirrored.random_program()}


def errors_of_a_network(on: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> ProgramErrors:
    """Of ``ONE_PROGRAM``, about a network whose first five neurons are on where ``on`` says so."""
    circuit = hand_made_circuit(SMALL_PROBLEM)
    circuit = replace(circuit, readings={improved_reading(circuit): one_neuron_per_assignment(5)})

    def states(components: object, split: Split) -> AnswerState:
        return AnswerState(hidden=HIGH * on.float(), resid_mid=torch.zeros(len(split), 16))

    monkeypatch.setattr(fitted, "record_answer_states", states)
    model = random_network(SMALL_PROBLEM)
    errors = measure_errors(Components(model, SMALL_PROBLEM), circuit, ONE_PROGRAM, FORMULAS)
    return errors.programs["5 neurons"]


def test_programs_of_both_kinds_come_back_as_they_were(tmp_path: Path) -> None:
    save_programs(FITTED, tmp_path)
    found = load_programs(tmp_path, SMALL_PROBLEM)
    before = (tmp_path / "voting.json").read_bytes()
    save_programs(found, tmp_path)
    assert (tmp_path / "voting.json").read_bytes() == before
    pairs = written_pairs(SMALL_PROBLEM, FORMULAS)
    for name, program in FITTED.programs.items():
        assert found.programs[name].bits(pairs).equal(program.bits(pairs))
        assert found.programs[name].size_bits() == program.size_bits()


def test_a_refusal_comes_back_too(tmp_path: Path) -> None:
    save_programs(FittedPrograms(refusal="no neurons"), tmp_path)
    assert load_programs(tmp_path, SMALL_PROBLEM).refusal == "no neurons"


def without_steps(text: str) -> str:
    content = json.loads(text)
    del content["programs"]["price 1"]["steps"]
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not the table that is declared"),
        ('{"programs": 3, "refusal": null}', "is not the table that is declared"),
        (None, "a mirrored program of .* is not allowed"),
    ],
    ids=["truncated", "other values", "a table missing"],
)
def test_another_file_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "voting.json"
    save_programs(FITTED, tmp_path)
    path.write_text(content or without_steps(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(MechvalError, match=message):
        load_programs(tmp_path, SMALL_PROBLEM)


def test_a_network_that_does_what_the_program_says_is_never_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (program,) = ONE_PROGRAM.values()
    on = program.bits(written_pairs(SMALL_PROBLEM, FORMULAS))
    row = errors_of_a_network(on, monkeypatch)
    assert row == ProgramErrors(bits=program.size_bits(), n=len(FORMULAS), wrong_count=0)


def test_one_other_neuron_is_wrong_wherever_it_is_other(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = ONE_PROGRAM.values()
    on = program.bits(written_pairs(SMALL_PROBLEM, FORMULAS))
    on[:100, 3] = ~on[:100, 3]
    assert errors_of_a_network(on, monkeypatch).wrong_count == 100


def test_programs_are_compared_on_the_last_formulas_of_the_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(choosing_formulas(FORMULAS)) == len(FORMULAS)
    monkeypatch.setattr(fitted, "CHOOSING_FORMULAS", 10)
    found = choosing_formulas(FORMULAS)
    np.testing.assert_array_equal(found.clause_ids, FORMULAS.clause_ids[-10:])


def test_what_the_rules_refuse_is_said_and_not_raised() -> None:
    circuit = hand_made_circuit(SMALL_PROBLEM)
    found = fit_programs(
        Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM),
        circuit,
        FORMULAS.first(2),
        config=changed(TWO_SAT.improved, widths=(4,), formulas=2, steps=10),
        seed=0,
    )
    assert not found.programs
    assert found.refusal is not None
    assert "never change" in found.refusal


def test_what_costs_more_than_the_budget_is_not_begun_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitted, "BUDGET", 159)
    monkeypatch.setattr(fitted, "voting_start", None)
    circuit = hand_made_circuit(SMALL_PROBLEM)
    config = changed(TWO_SAT.improved, widths=(4,), formulas=2, steps=10)
    model, formulas = random_network(SMALL_PROBLEM), FORMULAS.first(2)
    found = fit_programs(Components(model, SMALL_PROBLEM), circuit, formulas, config=config, seed=0)
    neurons = len(circuit.readings[improved_reading(circuit)].neurons)
    assert found == FittedPrograms(
        refusal=f"improved.steps=10 is not allowed here; {neurons} neurons cost {40 * neurons} "
        "steps times neurons of a budget of 159."
    )


def test_the_budget_lies_between_the_committed_networks_and_wide_ones() -> None:
    steps = TWO_SAT.improved.steps * (len(TWO_SAT.improved.widths) + 3)
    assert 34 * steps <= fitted.BUDGET < 137 * steps
