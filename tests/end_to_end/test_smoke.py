"""All stages through the real command line, in an empty directory, with the smoke preset."""

import json
import os
import shutil
from pathlib import Path

import pytest

from mechval.axioms import CELLS
from mechval.pipeline.manifest import hash_file
from tests.end_to_end.commands import SMALL, run_commands
from tests.end_to_end.conftest import RUN, Session, tracked
from tests.settings import STAGES

pytestmark = pytest.mark.slow


def test_every_stage_leaves_a_manifest(session: Session) -> None:
    assert all((session.run / stage / "manifest.json").is_file() for stage in STAGES)


def test_a_first_run_is_quiet_on_standard_error(session: Session) -> None:
    assert session.first.stderr == ""


def test_nothing_lands_outside_results_data_and_build(session: Session) -> None:
    names = {path.name for path in session.directory.iterdir()}
    assert names == {"results", "data", "build", "before"}


def test_no_unfinished_checkpoint_is_left(session: Session) -> None:
    scratch = session.directory / "build" / "scratch"
    assert not [path for path in scratch.rglob("*") if path.is_file()]


def test_files_have_the_mode_that_the_umask_leaves(session: Session) -> None:
    os.umask(mask := os.umask(0))
    paths = [path for name in ("results", "data") for path in (session.directory / name).rglob("*")]
    modes = {path.stat().st_mode & 0o777 for path in paths if path.is_file()}
    assert modes == {0o666 & ~mask}


def test_a_second_run_skips_every_stage(session: Session) -> None:
    assert session.again.code == 0, session.again.stderr
    lines = [f"{stage}: up to date, skipped" for stage in STAGES]
    lines.append("page: results/two_sat/small/report/index.html")
    assert session.again.stdout.splitlines() == lines


def test_the_page_of_the_run_and_the_index_are_built(session: Session) -> None:
    page = (session.run / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="answer-confirmed"' in page
    assert "figure-assignments" in page
    assert 'class="notice"' not in page
    index = (session.directory / "results" / "index.html").read_text(encoding="utf-8")
    assert 'href="two_sat/small/report/index.html"' in index


def test_another_confidence_takes_the_network_of_a_finished_run(
    session: Session, tmp_path: Path
) -> None:
    copied(session, tmp_path)
    words = ("run=stricter", "from=small", "axioms.confidence=0.99")
    small = (word for word in SMALL if word != "run=small")
    (answer,) = run_commands(tmp_path, [("+stage=axioms", *small, *words)])
    assert answer.code == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[:5] == [
        *(f"{stage}: taken from run small" for stage in ("data", "train", "circuit", "improve")),
        "axioms: runs because there is no result yet",
    ]
    assert [line.rpartition(" in ")[2] for line in lines if ": in " in line] == [
        "results/two_sat/stricter/axioms"
    ]
    cells = CELLS.read(tmp_path / "results" / "two_sat" / "stricter" / "axioms")
    assert {cell.confidence for cell in cells if cell.kind == "sampled"} == {0.99}


def test_a_page_needs_the_tracked_tables_only(session: Session, tmp_path: Path) -> None:
    run = copied(session, tmp_path)
    shutil.rmtree(tmp_path / "data")
    shutil.rmtree(run / "report")
    (answer,) = run_commands(tmp_path, [("+stage=report", *SMALL)])
    assert answer.code == 2
    assert "run: python -m experiments.run +stage=data preset=smoke" in answer.stderr
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert "Not made in this run: report." in page
    assert 'id="chart-axioms"' in page


def test_one_stage_alone_is_skipped_too(session: Session) -> None:
    assert session.axioms_alone.code == 0, session.axioms_alone.stderr
    assert session.axioms_alone.stdout == "axioms: up to date, skipped\n"


def test_verification_passes(session: Session) -> None:
    assert session.verified.code == 0, session.verified.stdout
    assert "verification: 0 differences beyond tolerance, 0 within" in (session.verified.stdout)


def test_verification_changes_no_tracked_file(session: Session) -> None:
    assert tracked(session.run) == tracked(session.directory / "before")


def test_verification_does_not_make_a_stage_run_again(session: Session) -> None:
    assert session.after_verification.stdout == session.again.stdout


def copied(session: Session, directory: Path) -> Path:
    """A workspace with the session's results, to tamper with."""
    for name in ("results", "data"):
        shutil.copytree(session.directory / name, directory / name)
    return directory / RUN


def rehash(run: Path, stage: str, name: str) -> None:
    """Make a stage's manifest agree with a file, and every later stage with that."""
    digest = hash_file(run / stage / name)
    for path in run.glob("*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if path.parent.name == stage:
            manifest["tracked"][name] = digest
        if f"{stage}/tracked/{name}" in manifest["inputs"]:
            manifest["inputs"][f"{stage}/tracked/{name}"] = digest
        path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def tamper_with_a_count(run: Path) -> None:
    path = run / "axioms" / "interpretations.csv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    column = header.split(",").index("constant.disagreements")
    cells = first.split(",")
    cells[column] = str(int(cells[column]) + 50)
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("hides", [False, True], ids=["left as it is", "with a new manifest"])
def test_verification_fails_on_a_tampered_value(
    session: Session, tmp_path: Path, hides: bool
) -> None:
    run = copied(session, tmp_path)
    tamper_with_a_count(run)
    if hides:
        rehash(run, "axioms", "interpretations.csv")
    (answer,) = run_commands(tmp_path, [("+stage=axioms", *SMALL, "verify=true")])
    assert answer.code == 1, answer.stderr
    assert "axioms: DIFFERS: interpretations.csv" in answer.stdout


def test_one_stage_alone_is_made_again_from_the_others(session: Session, tmp_path: Path) -> None:
    run = copied(session, tmp_path)
    shutil.rmtree(run / "axioms")
    (answer,) = run_commands(tmp_path, [("+stage=axioms", *SMALL)])
    assert answer.code == 0, answer.stderr
    assert tracked(run / "axioms") == tracked(session.run / "axioms")


def test_a_damaged_artifact_is_refused_with_the_command_that_makes_it(
    session: Session, tmp_path: Path
) -> None:
    damage = {
        "data/two_sat/small/data/formulas.safetensors": "data",
        "results/two_sat/small/train/weights.safetensors": "train",
        "results/two_sat/small/circuit/circuit.safetensors": "circuit",
    }
    copied(session, tmp_path)
    for name, stage in damage.items():
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        (answer,) = run_commands(tmp_path, [("+stage=axioms", *SMALL)])
        path.write_bytes(whole)
        assert answer.code == 2, name
        assert answer.stderr.count("\n") == 1
        assert name in answer.stderr
        assert f"run: python -m experiments.run +stage={stage} preset=smoke" in answer.stderr


def test_a_damaged_manifest_is_refused_with_the_command_that_makes_it(
    session: Session, tmp_path: Path
) -> None:
    run = copied(session, tmp_path)
    path = run / "circuit" / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])
    (answer,) = run_commands(tmp_path, [("+stage=axioms", *SMALL)])
    assert answer.code == 2
    assert "results/two_sat/small/circuit/manifest.json, which is corrupt; run:" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_damaged_weights_are_never_trained_again_unasked(session: Session, tmp_path: Path) -> None:
    run = copied(session, tmp_path)
    path = run / "train" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    damaged = path.read_bytes()
    (answer,) = run_commands(tmp_path, [("+stage=all", *SMALL)])
    assert answer.code == 2
    assert "force=train" in answer.stderr
    assert path.read_bytes() == damaged
