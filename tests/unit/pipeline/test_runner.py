"""What runs, what is skipped, what is refused, and what an interruption leaves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.pipeline import Manifest, StageArtifacts, StageContext, Workspace
from mechval.pipeline.manifest import StageKey, load_manifest
from tests.unit.pipeline.toy_study import (
    ToyProblem,
    ToySettings,
    ToyStudy,
    make_data,
    save_json,
    with_run,
)

RunToy = Callable[..., None]
STAGES = ("data", "train", "circuit", "axioms", "report")


def lines(caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    return dict(message.split(": ", 1) for message in reversed(caplog.messages))


def change_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mechval.pipeline.session.code_digest", lambda modules: "other")


def must_not_run(context: StageContext) -> None:
    raise AssertionError("this stage must not run")


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_all_makes_a_manifest_for_every_stage(run_toy: RunToy, workspace: Workspace) -> None:
    run_toy()
    assert all(workspace.stage("two_sat", "toy", name).manifest.exists() for name in STAGES)


def test_a_second_run_skips_every_stage(run_toy: RunToy, caplog: pytest.LogCaptureFixture) -> None:
    run_toy()
    run_toy()
    assert lines(caplog) == dict.fromkeys(STAGES, "up to date, skipped")


def test_two_runs_write_the_same_tracked_bytes(run_toy: RunToy, workspace: Workspace) -> None:
    run_toy()
    manifests = [workspace.stage("two_sat", "toy", name).manifest for name in STAGES]
    first = [path.read_bytes() for path in manifests]
    run_toy(force=("all",))
    assert [path.read_bytes() for path in manifests] == first


def test_a_changed_config_names_the_key_and_both_values(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    run_toy(settings=ToySettings(axioms={"confidence": 0.99}))
    assert lines(caplog)["axioms"] == "reruns because config confidence changed from 0.95 to 0.99"


def test_stages_before_a_changed_config_are_skipped(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    run_toy(settings=ToySettings(axioms={"confidence": 0.99}))
    assert lines(caplog)["circuit"] == "up to date, skipped"


def test_a_changed_seed_reruns_and_says_so(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy("data")
    run_toy("data", seed=1)
    assert lines(caplog)["data"] == "reruns because seed changed from 0 to 1"


def test_a_changed_input_reruns_what_follows(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    run_toy(settings=ToySettings(problem=ToyProblem(n_clauses=11)))
    assert "input circuit/tracked/circuit.json changed" in lines(caplog)["axioms"]


def test_a_changed_card_is_no_changed_input(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    def with_other_card(context: StageContext) -> None:
        make_data(context)
        (context.directory / "card.md").write_text("Another card.\n", encoding="utf-8")

    run_toy()
    run_toy(study=with_run("data", with_other_card), force=("data",))
    assert lines(caplog)["train"] == "up to date, skipped"


def test_changed_code_reruns_a_stage_without_reverify(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_toy()
    change_code(monkeypatch)
    run_toy()
    assert lines(caplog)["circuit"] == "reruns because its code changed"


def test_changed_code_reverifies_and_never_retrains(
    run_toy: RunToy, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    run_toy()
    change_code(monkeypatch)
    run_toy(study=with_run("train", must_not_run))
    manifest = workspace.stage("two_sat", "toy", "train").manifest
    assert json.loads(manifest.read_text(encoding="utf-8"))["code"] == "other"


def test_an_input_that_a_result_never_saw_verifies_it_and_is_noted(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture, workspace: Workspace
) -> None:
    def with_more(context: StageContext) -> None:
        make_data(context)
        (context.directory / "more.json").write_text("{}", encoding="utf-8")

    run_toy()
    more = ToyStudy({"data": {"run": with_more}, "train": {"run": must_not_run}})
    run_toy(study=more, force=("data",))
    assert lines(caplog)["train"] == (
        "verifies the finished result because input data/tracked/more.json is new"
    )
    run_toy(study=more)
    assert lines(caplog)["train"] == "up to date, skipped"


def test_missing_bulk_of_a_reverified_stage_is_no_reason_to_verify_it(
    run_toy: RunToy, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    (workspace.stage("two_sat", "toy", "train").bulk / "snapshot.bin").unlink()
    run_toy(study=ToyStudy({"train": {"run": must_not_run, "reverify": must_not_run}}))
    assert lines(caplog) == dict.fromkeys(STAGES, "up to date, skipped")


def test_changed_bulk_of_a_reverified_stage_is_refused(
    run_toy: RunToy, workspace: Workspace
) -> None:
    run_toy()
    (workspace.stage("two_sat", "toy", "train").bulk / "snapshot.bin").write_bytes(b"other")
    with pytest.raises(MechvalError, match=r"snapshot\.bin .* differs from its manifest"):
        run_toy()


def test_missing_bulk_leaves_the_tracked_manifest_alone(
    run_toy: RunToy, workspace: Workspace
) -> None:
    run_toy()
    places = workspace.stage("two_sat", "toy", "train")
    before = places.manifest.read_bytes()
    (places.bulk / "snapshot.bin").unlink()
    run_toy()
    assert places.manifest.read_bytes() == before


def test_a_failed_reverification_asks_for_force(
    run_toy: RunToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(context: StageContext, finished: StageArtifacts) -> None:
        save_json(context.directory / "metrics.json", {"accuracy": 0.8})

    run_toy()
    change_code(monkeypatch)
    with pytest.raises(MechvalError, match="force=train"):
        run_toy(study=ToyStudy({"train": {"reverify": worse}}))


def test_damaged_weights_are_refused_and_not_retrained(
    run_toy: RunToy, workspace: Workspace
) -> None:
    run_toy()
    (workspace.stage("two_sat", "toy", "train").directory / "weights.bin").write_bytes(b"x")
    with pytest.raises(MechvalError, match=r"weights\.bin .*force=train"):
        run_toy()


def test_missing_data_are_made_again(
    run_toy: RunToy, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    (workspace.stage("two_sat", "toy", "data").bulk / "formulas.bin").unlink()
    run_toy()
    assert lines(caplog)["data"] == "reruns because formulas.bin is missing"
    assert lines(caplog)["report"] == "up to date, skipped"


def test_a_corrupt_manifest_of_our_own_reruns_and_says_so(
    run_toy: RunToy, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    workspace.stage("two_sat", "toy", "circuit").manifest.write_text("{", encoding="utf-8")
    run_toy()
    assert "manifest.json is corrupt" in lines(caplog)["circuit"]


def test_force_reruns_only_the_named_stage(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    run_toy(force=("circuit",))
    told = lines(caplog)
    assert told.pop("circuit") == "reruns because force=circuit asks for it"
    assert set(told.values()) == {"up to date, skipped"}


def test_force_of_a_stage_that_does_not_run_is_refused(run_toy: RunToy) -> None:
    run_toy()
    with pytest.raises(MechvalError, match=r"force='train' is not allowed here"):
        run_toy("axioms", force=("train",))


def test_an_unknown_stage_lists_the_stages(run_toy: RunToy) -> None:
    with pytest.raises(MechvalError, match="allowed: all, data, train, circuit, axioms, report"):
        run_toy("datta")


def test_a_missing_upstream_names_the_command_that_makes_it(run_toy: RunToy) -> None:
    expected = (
        r"axioms needs results/two_sat/toy/circuit/manifest\.json, which is missing; run: "
        r"python -m experiments\.run \+stage=circuit preset=smoke run=toy$"
    )
    with pytest.raises(MechvalError, match=expected):
        run_toy("axioms")


def test_a_truncated_upstream_file_is_refused(run_toy: RunToy, workspace: Workspace) -> None:
    run_toy()
    path = workspace.stage("two_sat", "toy", "data").bulk / "formulas.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MechvalError, match=r"formulas\.bin, which differs .* \+stage=data"):
        run_toy("train")


def test_missing_bulk_of_an_upstream_stage_is_refused(
    run_toy: RunToy, workspace: Workspace
) -> None:
    run_toy()
    (workspace.stage("two_sat", "toy", "data").bulk / "formulas.bin").unlink()
    with pytest.raises(MechvalError, match=r"formulas\.bin, which is missing; .* \+stage=data"):
        run_toy("train")


def test_missing_bulk_of_a_reverified_upstream_stage_is_accepted(
    run_toy: RunToy, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy()
    (workspace.stage("two_sat", "toy", "train").bulk / "snapshot.bin").unlink()
    run_toy("circuit")
    assert lines(caplog)["circuit"] == "up to date, skipped"


def test_a_corrupt_upstream_manifest_is_refused(run_toy: RunToy, workspace: Workspace) -> None:
    run_toy()
    workspace.stage("two_sat", "toy", "data").manifest.write_text("[]", encoding="utf-8")
    with pytest.raises(MechvalError, match=r"manifest\.json, which is corrupt; run: "):
        run_toy("train")


def test_an_upstream_made_with_another_config_is_refused(run_toy: RunToy) -> None:
    run_toy()
    with pytest.raises(MechvalError, match=r"outdated .*n_clauses changed from 10 to 11"):
        run_toy("train", settings=ToySettings(problem=ToyProblem(n_clauses=11)))


def test_a_refused_stage_leaves_no_staging(run_toy: RunToy, workspace: Workspace) -> None:
    run_toy()
    before = contents(workspace.root)
    with pytest.raises(MechvalError):
        run_toy("datta")
    assert contents(workspace.root) == before


def test_a_long_estimate_needs_consent(run_toy: RunToy) -> None:
    study = ToyStudy({"train": {"estimate": lambda context: 5 * 3600.0}})
    told = r"train: the estimated time is 5\.0 h; above 4\.0 h allowed only with yes=true; run: "
    command = r"python -m experiments\.run \+stage=train.* yes=true"
    with pytest.raises(MechvalError, match=told + command):
        run_toy(study=study)


def test_consent_lets_a_long_stage_run(run_toy: RunToy, workspace: Workspace) -> None:
    study = ToyStudy({"train": {"estimate": lambda context: 5 * 3600.0}})
    run_toy(study=study, yes=True)
    assert workspace.stage("two_sat", "toy", "train").manifest.exists()


def test_the_estimate_is_told_before_the_stage_runs(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy(study=ToyStudy({"train": {"estimate": lambda context: 600.0}}))
    assert "train: estimated time 10 min" in caplog.messages


class Watching:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def started(self, stage: str, key: StageKey) -> None:
        self.told.append(("started", stage))

    def finished(self, stage: str, directory: Path, manifest: Manifest) -> None:
        assert load_manifest(directory / "manifest.json") == manifest
        self.told.append(("finished", stage))

    def failed(self, stage: str) -> None:
        self.told.append(("failed", stage))


class Broken(Watching):
    """One that fails when a stage has finished."""

    def finished(self, stage: str, directory: Path, manifest: Manifest) -> None:
        raise RuntimeError("no network\nand a long story")


def test_an_observer_is_told_of_stages_that_run_and_of_no_others(run_toy: RunToy) -> None:
    run_toy("data")
    watching = Watching()
    with pytest.raises(AssertionError, match="must not run"):
        run_toy(
            "data", "train", "circuit", study=with_run("circuit", must_not_run), observer=watching
        )
    assert watching.told == [
        *(("started", "train"), ("finished", "train")),
        *(("started", "circuit"), ("failed", "circuit")),
    ]


def test_a_broken_observer_is_a_warning_of_one_line(
    run_toy: RunToy, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy("data", observer=Broken())
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["experiment tracking failed (RuntimeError: no network)"]


def test_the_run_record_tells_machine_and_time(run_toy: RunToy, workspace: Workspace) -> None:
    run_toy("data")
    record = json.loads(
        workspace.stage("two_sat", "toy", "data").run_record.read_text(encoding="utf-8")
    )
    assert record["device"] == "cpu"
    assert record["seconds"] >= 0
    assert record["peak_memory_bytes"] > 1_000_000


def test_a_run_keeps_the_config_that_made_it(run_toy: RunToy, workspace: Workspace) -> None:
    path = workspace.run_config("two_sat", "toy")
    record = {"seed": 0, "settings": {"n": 1}, "words": ["n=1"]}
    run_toy("data", config=record)
    assert json.loads(path.read_text()) == record
    run_toy("data", config={**record, "words": ["n=1", "seed=0"]})
    assert json.loads(path.read_text()) == record
    other = {**record, "settings": {"n": 2}, "words": ["n=2"]}
    run_toy("train", config=other)
    assert json.loads(path.read_text()) == other


def test_an_optional_stage_stands_in_nobodys_way_until_it_is_made(
    run_toy: RunToy, workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[set[str]] = []

    def look(context: StageContext) -> None:
        seen.append(set(context.upstream))

    optional = {"upstream": ("circuit", "data"), "optional": ("circuit",), "run": look}
    study = ToyStudy({"axioms": optional})
    run_toy("data", study=study)
    run_toy("axioms", study=study)
    told = "axioms: without the stage circuit, which this run lacks; +stage=circuit makes it"
    assert told in caplog.messages
    run_toy("axioms", study=study)
    assert lines(caplog)["axioms"] == "up to date, skipped"
    run_toy("train", "circuit", "axioms", study=study)
    assert lines(caplog)["axioms"].startswith("reruns because input circuit/tracked/circuit.json")
    assert seen == [{"data"}, {"data", "circuit"}]
    workspace.stage("two_sat", "toy", "circuit").manifest.write_text("{", encoding="utf-8")
    with pytest.raises(MechvalError, match=r"circuit/manifest\.json, which is corrupt"):
        run_toy("axioms", study=study)
