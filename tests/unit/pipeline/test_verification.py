"""Verification finds every planted difference, and writes nothing tracked."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mechval.errors import MechvalError
from mechval.pipeline import (
    RunOptions,
    StageArtifacts,
    StageContext,
    VerificationReport,
    Workspace,
    verify_stages,
)
from mechval.pipeline.manifest import load_manifest
from tests.unit.pipeline.toy_study import (
    ToySettings,
    ToyStudy,
    evaluate,
    extract,
    make_data,
    save_json,
    with_run,
)

RunToy = Callable[..., None]
Verify = Callable[..., VerificationReport]


@pytest.fixture
def verify(workspace: Workspace, run_toy: RunToy) -> Verify:
    """Make the run, then verify it."""
    run_toy()

    def call(
        *wanted: str, study: ToyStudy | None = None, settings: ToySettings | None = None
    ) -> VerificationReport:
        options = RunOptions("toy", 0, overrides=("run=toy",))
        return verify_stages(
            study or ToyStudy(), settings or ToySettings(), wanted or ("all",), workspace, options
        )

    return call


def failures(report: VerificationReport) -> list[str]:
    return [f"{item.path} {item.key}".strip() for item in report.failures]


def tracked(workspace: Workspace) -> dict[Path, bytes]:
    files = (workspace.root / "results").rglob("*")
    return {path: path.read_bytes() for path in files if path.is_file()}


def edit_json(path: Path, **values: object) -> None:
    old = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**old, **values}), encoding="utf-8")


def test_an_untouched_run_verifies(verify: Verify) -> None:
    assert failures(verify()) == []


def test_a_file_that_no_stage_declared_is_no_output(verify: Verify, workspace: Workspace) -> None:
    folder = workspace.stage("two_sat", "toy", "report").directory
    for name in (".index.html.41", "notes.txt"):
        (folder / name).write_text("left behind", encoding="utf-8")
    assert failures(verify()) == []


def test_the_number_of_threads_is_recorded_where_bytes_depend_on_it(
    verify: Verify, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    threads = [
        load_manifest(workspace.stage("two_sat", "toy", stage).manifest).threads
        for stage in ("data", "circuit")
    ]
    assert threads == [None, torch.get_num_threads()]
    edit_json(workspace.stage("two_sat", "toy", "circuit").manifest, threads=1_000)
    assert failures(verify("circuit")) == []
    assert "circuit: made with 1000 threads, now " in caplog.text


def test_verification_writes_no_tracked_file(verify: Verify, workspace: Workspace) -> None:
    before = tracked(workspace)
    study = with_run("circuit", lambda context: save_json(context.directory / "x.json", {}))
    assert failures(verify("circuit", study=study)) == ["x.json", "x.json", "circuit.json"]
    assert tracked(workspace) == before


def test_it_needs_no_bulk_of_the_committed_run(verify: Verify, workspace: Workspace) -> None:
    for name in ("data", "train"):
        for path in workspace.stage("two_sat", "toy", name).bulk.iterdir():
            path.unlink()
    assert failures(verify()) == []


def test_weights_are_told_as_not_recomputed(verify: Verify) -> None:
    by_name = {stage.stage: stage for stage in verify().stages}
    assert by_name["train"].not_recomputed == ("weights.bin", "snapshot.bin")


def test_a_difference_within_tolerance_is_told(
    verify: Verify, caplog: pytest.LogCaptureFixture
) -> None:
    verify()
    told = "train: 1 values within tolerance, the first: metrics.json accuracy: committed 0.9, rec"
    assert told in caplog.text


def test_an_edited_table_is_found(verify: Verify, workspace: Workspace) -> None:
    edit_json(workspace.stage("two_sat", "toy", "circuit").directory / "circuit.json", total=99)
    assert "circuit.json total" in failures(verify())


def test_an_edit_within_tolerance_is_found_by_its_hash(
    verify: Verify, workspace: Workspace
) -> None:
    path = workspace.stage("two_sat", "toy", "circuit").directory / "circuit.json"
    edit_json(path, threshold=0.500001)
    assert failures(verify()) == ["manifest.json circuit.json"]


def test_exchanged_weights_are_found(verify: Verify, workspace: Workspace) -> None:
    path = workspace.stage("two_sat", "toy", "train").directory / "weights.bin"
    path.write_bytes(b"other")
    assert "manifest.json weights.bin" in failures(verify())


def test_worse_accuracy_of_committed_weights_is_found(verify: Verify) -> None:
    def worse(context: StageContext, finished: StageArtifacts) -> None:
        save_json(context.directory / "metrics.json", {"accuracy": 0.8})

    report = verify(study=ToyStudy({"train": {"reverify": worse}}))
    assert failures(report) == ["metrics.json accuracy"]


def test_other_data_are_a_failure(verify: Verify) -> None:
    def other(context: StageContext) -> None:
        make_data(context)
        (context.bulk / "formulas.bin").write_bytes(b"other")

    assert failures(verify("data", study=with_run("data", other))) == ["formulas.bin"]


def test_other_bulk_of_a_later_stage_is_told_but_allowed(verify: Verify, run_toy: RunToy) -> None:
    def noisy(text: str) -> ToyStudy:
        def run(context: StageContext) -> None:
            extract(context)
            (context.bulk / "cache.bin").write_text(text, encoding="utf-8")

        return with_run("circuit", run)

    run_toy("circuit", study=noisy("a"), force=("circuit",))
    report = verify("circuit", study=noisy("b"))
    found = [(item.path, item.is_allowed) for item in report.stages[0].differences]
    assert found == [("cache.bin", True)]


def test_a_file_that_is_no_longer_made_is_a_failure(verify: Verify) -> None:
    def less(context: StageContext) -> None:
        evaluate(context)
        (context.directory / "metrics.json").unlink()

    assert failures(verify("axioms", study=with_run("axioms", less))) == ["metrics.json"]


def test_results_made_from_other_inputs_are_a_failure(verify: Verify, workspace: Workspace) -> None:
    manifest = workspace.stage("two_sat", "toy", "circuit").manifest
    edit_json(manifest, inputs={"train/tracked/weights.bin": "0" * 64})
    assert "manifest.json input train/tracked/weights.bin changed" in failures(verify())


def test_nothing_committed_names_the_command(verify: Verify, workspace: Workspace) -> None:
    workspace.stage("two_sat", "toy", "circuit").manifest.unlink()
    with pytest.raises(MechvalError, match=r"circuit/manifest\.json, which is missing; run: "):
        verify()


def test_a_run_of_another_config_is_not_verified(verify: Verify) -> None:
    with pytest.raises(MechvalError, match=r"confidence changed from 0\.95 to 0\.9"):
        verify(settings=ToySettings(axioms={"confidence": 0.9}))


def test_one_stage_is_verified_on_the_committed_ones_before_it(verify: Verify) -> None:
    assert [stage.stage for stage in verify("axioms").stages] == ["axioms"]


@pytest.mark.parametrize("body", ["run", "reverify"])
def test_a_stage_is_verified_on_the_committed_ones_before_it(
    verify: Verify, workspace: Workspace, body: str
) -> None:
    """Another route gives other last bits, upstream; what was counted holds for those committed."""
    committed = workspace.stage("two_sat", "toy", "circuit").directory

    def rounded_otherwise(context: StageContext) -> None:
        extract(context)
        edit_json(context.directory / "circuit.json", threshold=0.5000001)

    def counted(context: StageContext, *finished: StageArtifacts) -> None:
        assert context.upstream["circuit"].directory == committed
        evaluate(context)

    study = ToyStudy({"circuit": {"run": rounded_otherwise}, "axioms": {body: counted}})
    assert verify(study=study).failures == ()


def test_what_was_altered_upstream_is_no_fault_of_a_later_stage(
    verify: Verify, workspace: Workspace
) -> None:
    (workspace.stage("two_sat", "toy", "circuit").directory / "circuit.json").unlink()
    by_name = {stage.stage: stage.differences for stage in verify().stages}
    assert [item.path for item in by_name["circuit"]] == ["manifest.json", "circuit.json"]
    assert by_name["axioms"] == ()


@pytest.mark.parametrize("text", [None, b"other"])
def test_bulk_is_read_as_committed_or_else_as_recomputed(
    verify: Verify, workspace: Workspace, text: bytes | None
) -> None:
    committed = workspace.stage("two_sat", "toy", "data").bulk
    if text:
        (committed / "formulas.bin").write_bytes(text)
    read: list[Path] = []

    def measured_again(context: StageContext, finished: StageArtifacts) -> None:
        read.append(context.upstream["data"].bulk)
        save_json(context.directory / "metrics.json", {"accuracy": 0.9})

    verify(study=ToyStudy({"train": {"reverify": measured_again}}))
    assert (read == [committed]) == (text is None)


def test_no_figure_is_drawn_or_compared(verify: Verify, run_toy: RunToy) -> None:
    drawn: list[bool] = []

    def draw(context: StageContext) -> None:
        extract(context)
        drawn.append(context.draw)
        if context.draw:
            (context.directory / "figure.svg").touch()

    study = with_run("circuit", draw)
    run_toy("circuit", study=study, force=("circuit",))
    report = verify("circuit", study=study)
    assert drawn == [True, False]
    assert (failures(report), report.stages[0].figures) == ([], 1)


def test_an_altered_figure_is_found_by_its_hash(
    verify: Verify, run_toy: RunToy, workspace: Workspace
) -> None:
    def draw(context: StageContext) -> None:
        extract(context)
        (context.directory / "figure.svg").touch()

    run_toy("circuit", study=with_run("circuit", draw), force=("circuit",))
    figure = workspace.stage("two_sat", "toy", "circuit").directory / "figure.svg"
    figure.write_text("altered", encoding="utf-8")
    assert failures(verify("circuit")) == ["manifest.json figure.svg"]
    figure.unlink()
    assert failures(verify("circuit")) == ["manifest.json figure.svg"]


def test_the_summary_is_five_lines_with_the_differences_first(
    verify: Verify, workspace: Workspace
) -> None:
    edit_json(workspace.stage("two_sat", "toy", "circuit").directory / "circuit.json", total=99)
    lines = verify("data", "train", "circuit").summary.splitlines()
    assert lines[:4] == [
        "verification: 2 differences beyond tolerance, 1 within",
        "files that differ: circuit/manifest.json, circuit/circuit.json",
        "files kept and checked by what they measure: 2 of train",
        "figures present, not redrawn: 0",
    ]
    assert lines[4].startswith("3 stages: data 0 s, train ")
    assert len(lines) == 5
