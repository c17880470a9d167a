"""Counterexamples are written, read back, and replay to the last bit."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mechval.errors import MechvalError
from mechval.two_sat.formulas.solver import SatOracle
from mechval.two_sat.formulas.text import read_formula
from mechval.two_sat.single.counterexamples import (
    Counterexample,
    case_dimacs,
    load_cases,
    replay_case,
    write_cases,
)
from tests.networks import SMALL_PROBLEM
from tests.unit.two_sat.single.examples import audit, corpora_splits, findings, subject


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("written") / "counterexamples"
    write_cases(subject(), findings(), directory)
    return directory


def test_every_axiom_is_contradicted_by_a_written_formula(folder: Path) -> None:
    assert {case.axiom for case, _ in load_cases(folder)} == {
        "prefix equivalence",
        "component equivalence",
        "prefix replaceability",
        "component replaceability",
    }


def test_a_replay_is_bit_equal(folder: Path) -> None:
    for case, states in load_cases(folder):
        found = replay_case(subject(), case, states)
        assert found.succeeds
        assert found.is_bit_equal
        assert found.largest_logit_change == 0


def test_a_changed_bit_of_the_states_is_noticed(folder: Path) -> None:
    case, states = load_cases(folder)[0]
    logits = np.nextafter(states.logits, np.float32(np.inf), dtype=np.float32)
    assert not replay_case(subject(), case, replace(states, logits=logits)).is_bit_equal
    digest = states.digest ^ np.uint8(1)
    assert not replay_case(subject(), case, replace(states, digest=digest)).is_bit_equal


def test_a_case_that_says_something_else_does_not_replay(folder: Path) -> None:
    case, states = load_cases(folder)[0]
    found = replay_case(subject(), replace(case, program="bits 0"), states)
    assert not found.succeeds
    assert found.differing_facts == ("program",)


def test_the_dimacs_text_is_the_formula_in_its_order_and_says_what_it_shows(folder: Path) -> None:
    for case, _ in load_cases(folder):
        text = case_dimacs(SMALL_PROBLEM, case)
        assert read_formula(SMALL_PROBLEM, text).clause_ids == case.clause_ids
        assert f"c {case.responsible}\n" in text
        assert text.startswith(f"c {case.axiom} of {case.component} fails in {case.interpretation}")


def test_the_formulas_lie_in_one_table(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"cases.csv", "states.safetensors"}


def test_a_witness_is_a_model_or_an_unsatisfiable_core(folder: Path) -> None:
    cases: list[Counterexample] = [case for case, _ in load_cases(folder)]
    with SatOracle(SMALL_PROBLEM) as oracle:
        labels = oracle.label(np.stack([case.ids for case in cases]))
    assert labels.tolist() == [case.satisfiable for case in cases]
    assert {case.witness.split(" ")[0] for case in cases if case.satisfiable} <= {"model"}
    assert {case.witness.split(" ")[0] for case in cases if not case.satisfiable} <= {"core"}


def test_a_formula_on_which_the_cell_holds_is_refused(tmp_path: Path) -> None:
    finding = next(found for found in findings() if found.axiom == "prefix replaceability")
    disagrees = audit()[finding.interpretation][f"{finding.axiom}/{finding.component}"]
    holds = corpora_splits()[1].clause_ids[~disagrees.numpy()][0]
    changed = replace(finding, clause_ids=tuple(holds.tolist()))
    with pytest.raises(MechvalError, match="is none: prefix replaceability of"):
        write_cases(subject(), [changed], tmp_path / "out")


def test_nothing_is_written_without_counterexamples(tmp_path: Path) -> None:
    assert write_cases(subject(), [], tmp_path / "none") == []
    assert load_cases(tmp_path / "none") == ()


def test_damaged_states_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / folder.name)
    states = copy / "states.safetensors"
    states.write_bytes(states.read_bytes()[:-3])
    with pytest.raises(MechvalError, match=r"states\.safetensors cannot be read"):
        load_cases(copy)
