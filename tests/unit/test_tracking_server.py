"""What the real W&B client tells a server: of a killed training, of one kept offline, of the
machine that it runs on, and of lineage that is declared afterwards."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from experiments.dashboard import replay_lineage
from experiments.tracking import WandbObserver, artifact_alias
from mechval.progress import stream
from mechval.training.callbacks import CurvePoint
from tests.guards import HANG_SECONDS
from tests.networks import SMALL_PROBLEM, random_network
from tests.unit.test_dashboard import SHOWN
from tests.unit.test_tracking import make_request, make_run
from tests.unit.training.tiny import train_tiny
from tests.wandb_server import ENTITY, Recorded, serving

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A server for the client of this process, which keeps its files in ``WANDB_DIR``."""
    wandb = pytest.importorskip("wandb")
    home = tmp_path_factory.mktemp("client")
    places = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR")
    with serving() as recorded, pytest.MonkeyPatch.context() as patch:
        for name, value in {**dict.fromkeys(places, str(home)), **recorded.environment()}.items():
            patch.setenv(name, value)
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("WANDB_RUN_ID", "shared")
        patch.setenv("WANDB_X_SERVICE_WAIT", str(HANG_SECONDS))
        patch.setenv("LD_LIBRARY_PATH", str(make_card(home)))
        wandb.teardown()
        yield recorded
        wandb.teardown()


def make_card(folder: Path) -> Path:
    """A folder with a driver library that knows one card, if there is a compiler for it."""
    if compiler := shutil.which("cc"):
        source, library = Path(__file__).parents[1] / "nvml.c", folder / "libnvidia-ml.so.1"
        command = (compiler, "-shared", "-fPIC", "-o", library, source)
        subprocess.run(command, check=True, timeout=HANG_SECONDS)
    return folder


@pytest.fixture(scope="module")
def killed(server: Recorded, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a stage that was stopped after its first point, went on and finished."""
    root = tmp_path_factory.mktemp("killed")
    run, manifest, key = make_run(root)
    observer = WandbObserver(make_request(root), "online")
    observer.started("axioms", key)
    stream("first", {"step": 10, "loss": 0.5})
    sys.stderr.write("a line of the console\n")
    observer.failed("axioms")
    run_id = server.ids()["axioms"]
    assert server.ends[run_id] == 1
    again = WandbObserver(make_request(root), "online")
    again.started("axioms", key)
    stream("first", {"step": 10, "loss": 0.5})
    stream("first", {"step": 20, "loss": 0.25})
    again.finished("axioms", run / "axioms", manifest)
    again.sum_up(None)
    return run_id


def test_every_run_has_an_id_of_its_own_and_not_that_of_the_environment(
    server: Recorded, killed: str
) -> None:
    ids = server.ids()
    assert len(set(ids.values()) | {"shared"}) == len(ids) + 1
    assert {"axioms", "summary"} <= ids.keys()


def test_a_killed_run_goes_on_in_its_history_and_tells_each_point_once(
    server: Recorded, killed: str
) -> None:
    assert (server.ids()["axioms"], server.ends[killed]) == (killed, 0)
    steps = [(k, row[k]) for row in server.history(killed) for k in row if k.endswith("/step")]
    first, second = "learning_curve/first/step", "learning_curve/second/step"
    assert steps == [(first, 10), (first, 20), (second, 5)]


def test_a_run_uses_what_it_read_and_makes_what_it_wrote(server: Recorded, killed: str) -> None:
    assert server.used(killed) == {"two_sat-mine-circuit"}
    assert "two_sat-mine-axioms" in server.made(killed)


def test_console_and_code_are_kept(server: Recorded, killed: str) -> None:
    console = "".join(server.streams[killed, "output.log"].values())
    assert "a line of the console" in console
    assert any(name.startswith("source-") for name in server.made(killed))


def test_a_summary_has_the_numbers(server: Recorded, killed: str) -> None:
    assert server.summary(server.ids()["summary"])["axioms/n"] == 4


def test_a_tiny_training_kept_offline_is_whole_once_it_is_synced(
    server: Recorded, tmp_path: Path
) -> None:
    run, manifest, key = make_run(tmp_path)
    observer = WandbObserver(make_request(tmp_path), "offline")
    observer.started("axioms", key)
    fit = train_tiny(random_network(SMALL_PROBLEM), tmp_path / "tiny")
    observer.finished("axioms", run / "axioms", manifest)
    (kept,) = Path(os.environ["WANDB_DIR"], "wandb").glob("offline-run-*")
    command = [sys.executable, "-m", "wandb", "sync", str(kept)]
    subprocess.run(command, check=True, capture_output=True, timeout=HANG_SECONDS)
    prefix = "learning_curve/tiny/"
    names = CurvePoint.__dataclass_fields__
    told = [
        {name: row[prefix + name] for name in names}
        for row in server.history(server.ids()["axioms"])
        if f"{prefix}step" in row
    ]
    assert told == [asdict(point) for point in fit.curve]


def test_the_machine_is_watched_while_a_stage_runs(
    server: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_X_STATS_SAMPLING_INTERVAL", "0.1")
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "0.1")
    _, _, key = make_run(tmp_path)
    observer = WandbObserver(make_request(tmp_path), "online")
    observer.started("axioms", replace(key, seed=1))
    run_id, end = server.ids()["axioms"], time.monotonic() + HANG_SECONDS
    while "system.memory_percent" not in server.events(run_id) and time.monotonic() < end:
        time.sleep(0.05)
    observer.failed("axioms")
    told = server.events(run_id)
    assert {"system.memory_percent", "system.proc.memory.rssMB"} <= told.keys()
    if shutil.which("cc"):
        assert (told["system.gpu.0.gpu"], told["system.gpu.0.memoryAllocated"]) == (37, 25)


def test_lineage_of_runs_on_the_server_is_declared_from_their_config(
    server: Recorded, killed: str, tmp_path: Path
) -> None:
    import wandb

    _, _, key = make_run(tmp_path)
    circuit = WandbObserver(make_request(tmp_path), "online")._upstream(key.inputs)["circuit"]
    server.calls["UseArtifact"].clear()
    replay_lineage(wandb.Api(), SHOWN, ENTITY, "mechval")
    (asked, *_) = server.calls["ArtifactMembershipByName"]
    assert asked["name"] == f"two_sat-mine-circuit:{artifact_alias(circuit)}"
    assert server.used(killed) == {"two_sat-mine-circuit"}
