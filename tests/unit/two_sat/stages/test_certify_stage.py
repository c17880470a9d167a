"""Stage ``certify`` on a tiny network: its files, its verification, and the replay command."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from experiments import replay
from mechval.axioms import EvidenceKind
from mechval.errors import MechvalError
from mechval.pipeline import Workspace, verify_stages
from mechval.pipeline.manifest import hash_file
from mechval.pipeline.session import CONSENT_SECONDS
from mechval.pipeline.stage import StageContext
from mechval.two_sat.certify.ledger import LEDGER
from mechval.two_sat.certify.theorem import mechanism
from mechval.two_sat.certify.theorem.routes import LISTED
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.counterexamples import CASES
from mechval.two_sat.stages import certify
from mechval.two_sat.study import STUDY
from tests.settings import TWO_SAT, changed
from tests.unit.two_sat.stages.test_side_stages import edit, failures
from tests.unit.two_sat.stages.test_stages import RUN, place, settings

STAGES = ["data", "train", "circuit", "improve", "axioms", "certify"]


@pytest.fixture(scope="module")
def finished(tiny_run: Workspace) -> Workspace:
    return tiny_run


@pytest.fixture
def copy(finished: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(finished.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")


def first_case(workspace: Workspace) -> Path:
    directory = place(workspace, "certify")
    return directory / "counterexamples" / CASES.read(directory)[0].file


def test_every_table_of_the_stage_is_declared_and_read_back(finished: Workspace) -> None:
    directory = place(finished, "certify")
    for table in set(certify.TABLES) - {LISTED, *mechanism.TABLES}:
        assert table.read(directory)
    declared = {table.name for table in certify.TABLES}
    assert {str(path.relative_to(directory)) for path in directory.rglob("*.csv")} < declared


def test_the_ledger_holds_what_is_proved_counted_or_unknown_and_drift_alone_is_sampled(
    finished: Workspace,
) -> None:
    statements = LEDGER.read(place(finished, "certify"))
    sampled = {row.file for row in statements if row.kind is EvidenceKind.SAMPLED}
    assert sampled <= {"drift.csv"}
    assert {row.kind for row in statements} >= {EvidenceKind.EXACT}


def estimated(tmp_path: Path, n_variables: int, n_clauses: int, enumerate: Any) -> float:
    problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
    made = settings(certify=changed(TWO_SAT.certify, enumerate=enumerate), problem=problem)
    return certify.estimate(StageContext(made, 0, "cpu", tmp_path, tmp_path, tmp_path, {}))


def test_an_estimate_is_of_the_proof_and_of_what_is_counted(tmp_path: Path) -> None:
    proof = estimated(tmp_path, 5, 10, enumerate=False)
    assert estimated(tmp_path, 5, 10, enumerate=True) > 10 * proof
    # Too many multisets are not counted unless that is asked for: then it needs consent.
    assert estimated(tmp_path, 8, 20, enumerate=True) == estimated(tmp_path, 8, 20, False)
    assert estimated(tmp_path, 8, 20, enumerate="always") > CONSENT_SECONDS


def test_a_finished_stage_verifies(finished: Workspace) -> None:
    report = verify_stages(STUDY, settings(), ["certify"], finished, RUN)
    assert report.failures == ()


def test_a_tampered_counterexample_fails_verification(copy: Workspace) -> None:
    def change(table: list[dict[str, str]]) -> None:
        table[0]["responsible"] = "nobody"

    edit(place(copy, "certify") / "counterexamples" / "cases.csv", change)
    assert "counterexamples/cases.csv" in failures(copy, "certify")


def test_a_tampered_chunk_of_the_enumeration_fails_verification(copy: Workspace) -> None:
    def change(table: list[dict[str, str]]) -> None:
        for row in table:
            row["satisfiable_errors"] = str(int(row["satisfiable_errors"]) + 1)

    edit(place(copy, "certify") / "enumeration_chunks.csv", change)
    found = failures(copy, "certify")
    assert {"enumeration_chunks.csv", "enumeration.csv"} <= set(found)


def test_the_command_replays_a_counterexample_to_the_last_bit(
    finished: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main(first_case(finished)) == 0
    assert "fails as recorded, bit-equal" in capsys.readouterr().out


def test_a_counterexample_is_not_replayed_on_another_network(copy: Workspace) -> None:
    path = place(copy, "train") / "weights.safetensors"
    weights = load_file(path)
    save_file({name: tensor + 1 for name, tensor in weights.items()}, path)
    with pytest.raises(MechvalError, match="was altered after the stage train wrote it"):
        replay.main(first_case(copy))


def test_a_counterexample_is_not_replayed_with_another_circuit(copy: Workspace) -> None:
    directory = place(copy, "circuit")
    path, manifest = directory / "circuit.safetensors", directory / "manifest.json"
    before = hash_file(path)
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    text = manifest.read_text(encoding="utf-8").replace(before, hash_file(path))
    manifest.write_text(text, encoding="utf-8")
    sentence = "circuit.safetensors of stage circuit is another one than the counterexample"
    with pytest.raises(MechvalError, match=sentence):
        replay.main(first_case(copy))


def test_a_file_that_is_no_recorded_counterexample_is_refused(copy: Workspace) -> None:
    with pytest.raises(MechvalError, match="is no recorded counterexample"):
        replay.main(first_case(copy).with_name("other.cnf"))


def test_the_command_prints_dimacs_and_takes_it_back_unless_it_is_changed(
    copy: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    path = first_case(copy)
    assert replay.main(path, dimacs=True) == 0
    text = capsys.readouterr().out
    path.write_text(text, encoding="utf-8")
    assert replay.main(path) == 0
    *lines, last = text.splitlines()
    changed = "1 2 0" if last != "1 2 0" else "1 3 0"
    path.write_text("\n".join([*lines, changed]) + "\n", encoding="utf-8")
    with pytest.raises(MechvalError, match=r"is another formula than cases\.csv says"):
        replay.main(path)
