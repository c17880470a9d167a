"""What is sent to the tracker, seen by a recording stand-in."""

import logging
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments import tracking
from experiments.stage_contents import CURVE_FILE, EPSILON_COLUMNS, EPSILONS, Contents
from experiments.tracking import WandbObserver
from mechval import tables
from mechval.pipeline import Manifest, Stage, Workspace
from mechval.pipeline.manifest import StageKey, load_manifest, manifest_text
from mechval.pipeline.run_record import RunRecord
from mechval.progress import stream


class Recorder:
    """A stand-in for the wandb module and its run; with ``fails_online`` no server answers."""

    def __init__(self, fails_online: bool = False) -> None:
        self.fails_online = fails_online
        self.started: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.steps: dict[str, str] = {}
        self.used: list[str] = []
        self.artifact = SimpleNamespace(files=[], name="", type="", metadata={})
        self.aliases: list[str] = []
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.exit_codes: list[int] = []
        self.code = ""

    @property
    def logged(self) -> dict[str, Any]:
        return {key: value for row in self.history for key, value in row.items()}

    def init(self, **settings: Any) -> "Recorder":
        if self.fails_online and settings["mode"] == "online":
            raise ConnectionError("no route\nmore")
        self.started = settings
        return self

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def define_metric(self, name: str, step_metric: str) -> None:
        self.steps[name] = step_metric

    def log(self, values: dict[str, Any]) -> None:
        self.history.append(values)

    def log_code(self, root: str, **filters: Any) -> None:
        self.code = root

    def finish(self, exit_code: int = 0) -> None:
        self.exit_codes.append(exit_code)

    def use_artifact(self, artifact: Any) -> None:
        if self.started["mode"] == "offline":
            raise TypeError("Cannot use artifact when in offline mode.")
        self.used.append(artifact.name)

    def log_artifact(self, artifact: Any, aliases: list[str]) -> None:
        self.artifact, self.aliases = artifact, aliases

    def Settings(self, **settings: Any) -> dict[str, Any]:
        return settings

    def Html(self, text: str) -> str:
        return text

    def Table(self, columns: list[str], data: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
        return columns, data

    def Artifact(self, name: str, type: str, metadata: dict[str, str]) -> Any:
        files: list[str] = []

        def add_file(path: str, name: str) -> None:
            files.append(name)

        return SimpleNamespace(
            name=name, type=type, metadata=metadata, files=files, add_file=add_file
        )


def make_stage(run: Path, stage: str, files: dict[str, str], inputs: dict[str, str]) -> Manifest:
    manifest = Manifest(
        stage=stage,
        config={"confidence": 0.95},
        seed=0,
        code="c0de",
        inputs=inputs,
        tracked=dict.fromkeys(sorted(files), ""),
        bulk={},
    )
    (run / stage).mkdir()
    for name, text in {**files, "manifest.json": manifest_text(manifest)}.items():
        (run / stage / name).write_text(text, encoding="utf-8")
    return manifest


RECORD = RunRecord(
    action="run",
    git_commit=None,
    packages={},
    python="3",
    host="here",
    device="cpu",
    started="then",
    ended="now",
    seconds=7.5,
    peak_memory_bytes=2_000_000_000,
)
FILES = {
    "metrics.json": '{"accuracy": {"test.set": 0.9}, "name": "x", "is_done": true, "n": 4}',
    "run.json": RECORD.model_dump_json(),
    "table.csv": "a,b,total\n1,x,36893488147419103232\n,y,1\n",
    "learning_curve.csv": "phase,step,loss\nfirst,10,0.5\nfirst,20,0.25\nsecond,5,0.1\n",
    "figure.svg": "<svg/>",
    "large.bin": "x" * tracking.MAX_FILE_BYTES,
}


@dataclass(frozen=True)
class Metrics:
    accuracy: Mapping[str, float]
    name: str
    is_done: bool
    n: int


@dataclass(frozen=True)
class Row:
    a: int | None
    b: str
    total: int


@dataclass(frozen=True)
class Point:
    phase: str
    step: int
    loss: float


STAGE: Stage[Any] = Stage(
    "axioms",
    (),
    (),
    lambda _: None,
    lambda _: {},
    tables=(
        tables.Record("axioms/metrics.json", Metrics),
        tables.Table("axioms/table.csv", Row),
        tables.Table(f"axioms/{CURVE_FILE}", Point),
    ),
)
RUN = "results/two_sat/mine"
Log = Callable[..., Recorder]


def make_run(root: Path) -> tuple[Path, Manifest, StageKey]:
    """A run with a finished circuit, and axioms that read it."""
    run = root / RUN
    run.mkdir(parents=True)
    make_stage(run, "circuit", {"circuit.json": "{}"}, {})
    manifest = make_stage(run, "axioms", FILES, {"circuit/tracked/circuit.json": "1"})
    return run, manifest, StageKey(manifest.config, manifest.seed, manifest.code, manifest.inputs)


def make_request(root: Path) -> Any:
    """The command that tracks it."""
    return SimpleNamespace(
        options=SimpleNamespace(
            preset="smoke", seed=0, wandb=SimpleNamespace(project="mechval", entity=None)
        ),
        study=SimpleNamespace(name="two_sat", stages=lambda _: (STAGE,)),
        settings=SimpleNamespace(model_dump=lambda mode: {"axioms": {"confidence": 0.95}}),
        run_options=SimpleNamespace(run="mine"),
        workspace=Workspace(root),
    )


@pytest.fixture
def log_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    run, manifest, key = make_run(tmp_path)

    def log(
        mode: str = "offline",
        fails_online: bool = False,
        times: int = 1,
        streamed: Sequence[tuple[str, dict[str, Any]]] = (),
        fails: bool = False,
        sums_up: bool = False,
    ) -> Recorder:
        recorder = Recorder(fails_online)
        monkeypatch.setattr(tracking, "import_wandb", lambda folder: recorder)
        observer = WandbObserver(make_request(tmp_path), mode)
        for _ in range(times):
            observer.started("axioms", key)
            for series, values in streamed:
                stream(series, values)
            if fails:
                observer.failed("axioms")
            else:
                observer.finished("axioms", run / "axioms", manifest)
        if sums_up:
            recorder.history.clear()
            observer.sum_up(run / "axioms" / "figure.svg")
        return recorder

    return log


def test_a_stage_is_one_run_in_the_group_of_its_reproduction(log_stage: Log) -> None:
    started = log_stage().started
    assert (started["group"], started["job_type"], started["tags"]) == (
        "two_sat-mine",
        "axioms",
        ["two_sat"],
    )


def test_lineage_is_in_the_config(log_stage: Log, tmp_path: Path) -> None:
    config = log_stage().started["config"]
    assert config["inputs"] == {"circuit/tracked/circuit.json": "1"}
    circuit = load_manifest(tmp_path / RUN / "circuit" / "manifest.json")
    assert config["upstream"] == {"circuit": f"manifest-{circuit.digest[:16]}"}


def test_online_a_run_uses_the_artifacts_it_read(log_stage: Log) -> None:
    recorder = log_stage("online")
    assert recorder.used == ["two_sat-mine-circuit"]
    assert recorder.artifact.name == "two_sat-mine-axioms"


def test_an_artifact_carries_the_alias_that_a_later_stage_names(
    log_stage: Log, tmp_path: Path
) -> None:
    axioms = load_manifest(tmp_path / RUN / "axioms" / "manifest.json")
    assert log_stage().aliases == ["latest", f"manifest-{axioms.digest[:16]}"]


def test_without_a_server_the_runs_stay_offline_and_one_sentence_says_so(
    log_stage: Log, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        recorder = log_stage("online", fails_online=True, times=2)
    assert recorder.started["mode"] == "offline"
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("W&B cannot be reached (ConnectionError: no route); runs are kept in")


def test_numbers_and_costs_are_logged_under_names_w_and_b_can_sort_by(log_stage: Log) -> None:
    expected = {
        "axioms/accuracy/test/set": 0.9,
        "axioms/n": 4,
        "cost/axioms/seconds": 7.5,
        "cost/axioms/peak_memory_gb": 2.0,
    }
    recorder = log_stage()
    assert recorder.summary.items() >= expected.items()
    assert not expected.keys() & recorder.logged.keys()


def test_a_stage_has_the_same_id_each_time_and_goes_on_in_its_run(log_stage: Log) -> None:
    first, again = log_stage().started, log_stage().started
    assert first["id"] == again["id"]
    assert first["resume"] == "allow"


def test_a_stage_that_is_stopped_is_marked_as_failed(log_stage: Log) -> None:
    assert log_stage(fails=True).exit_codes == [1]
    assert log_stage().exit_codes == [0]


def test_the_code_is_kept(log_stage: Log) -> None:
    assert (Path(log_stage().code) / "experiments" / "tracking.py").is_file()


def test_what_was_streamed_is_not_logged_again(log_stage: Log) -> None:
    recorder = log_stage(streamed=[("first", {"step": 10, "loss": 0.5})])
    prefix = "learning_curve/first"
    assert [row for row in recorder.history if f"{prefix}/step" in row] == [
        {f"{prefix}/step": 10, f"{prefix}/loss": 0.5},
        {f"{prefix}/step": 20.0, f"{prefix}/loss": 0.25},
    ]


def test_a_stream_that_breaks_ends_and_the_stage_goes_on(
    log_stage: Log, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = log_stage(streamed=[("first", {"loss": 0.5})] * 2)
    (warning,) = [record.message for record in caplog.records]
    assert warning.startswith("experiment tracking failed (KeyError: ")
    assert recorder.exit_codes == [0]


def test_the_summary_run_has_all_settings_numbers_and_the_page(log_stage: Log) -> None:
    recorder = log_stage(sums_up=True)
    assert recorder.started["job_type"] == "summary"
    config = recorder.started["config"]
    assert config["settings"] == {"axioms": {"confidence": 0.95}}
    assert (config["preset"], config["seed"]) == ("smoke", 0)
    assert recorder.summary["axioms/n"] == 4
    assert recorder.history == [{"page": "<svg/>"}]


def test_the_summary_run_has_every_epsilon_in_one_table(
    log_stage: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ("equivalence of parse", "trees", 0.5, None)
    monkeypatch.setattr(Contents, "epsilons", lambda contents: [row])
    recorder = log_stage(sums_up=True)
    columns = [*EPSILON_COLUMNS, "preset", "seed"]
    assert recorder.logged[EPSILONS] == (columns, [[*row, "smoke", 0]])


def test_learning_curves_are_history_with_the_steps_of_each_phase(log_stage: Log) -> None:
    recorder = log_stage()
    first, second = "learning_curve/first", "learning_curve/second"
    assert recorder.history[:3] == [
        {f"{first}/step": 10.0, f"{first}/loss": 0.5},
        {f"{first}/step": 20.0, f"{first}/loss": 0.25},
        {f"{second}/step": 5.0, f"{second}/loss": 0.1},
    ]
    assert recorder.steps == {f"{first}/*": f"{first}/step", f"{second}/*": f"{second}/step"}


def test_tables_keep_numbers_as_numbers_and_long_counts_in_full(log_stage: Log) -> None:
    logged = log_stage().logged
    assert logged["tables/table"] == (
        ["a", "b", "total"],
        [[1, "x", "36893488147419103232"], [None, "y", "1"]],
    )


def test_figures_are_logged(log_stage: Log) -> None:
    assert log_stage().logged["figures/figure"] == "<svg/>"


def test_the_artifact_has_its_type_and_small_files_only(log_stage: Log) -> None:
    artifact = log_stage().artifact
    assert artifact.type == "axiom-report"
    assert set(artifact.files) == {"manifest.json", *FILES} - {"large.bin"}


def test_importing_the_command_line_does_not_import_wandb() -> None:
    code = "import sys, experiments.run; sys.exit(any(n.startswith('wandb') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
