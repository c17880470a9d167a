"""Stage ``progress`` of modular addition: every snapshot and the final network, verifiable."""

from pathlib import Path

import pytest

from mechval.axioms.progress import CELLS
from mechval.modular_addition.claim.assess import SNAPSHOTS
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.stages import progress
from mechval.modular_addition.study import STUDY
from mechval.pipeline import StageArtifacts, StageContext, Workspace, run_stages
from tests.unit.modular_addition.stages.test_train_stage import RUN, settings


def context(workspace: Workspace, directory: Path) -> StageContext[ModularAdditionSettings]:
    directory.mkdir(parents=True)
    places = {name: workspace.stage("modular_addition", "tiny", name) for name in ("data", "train")}
    return StageContext(
        settings=settings(),
        seed=0,
        device="cpu",
        directory=directory,
        bulk=directory,
        scratch=directory,
        upstream={name: place for name, place in places.items()},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    run_stages(STUDY, settings(), ["data", "train"], workspace, RUN)
    return workspace


@pytest.fixture(scope="module")
def finished(trained: Workspace) -> Path:
    directory = trained.root / "progress"
    progress.run(context(trained, directory))
    return directory


def test_every_snapshot_and_the_final_network_are_in_both_tables(
    trained: Workspace, finished: Path
) -> None:
    saved = trained.stage("modular_addition", "tiny", "train").bulk / "snapshots" / "training"
    expected = [int(path.stem.removeprefix("step-")) for path in sorted(saved.iterdir())]
    snapshots = SNAPSHOTS.read(finished)
    assert [row.step for row in snapshots] == [*expected, None]
    told = {row.step for row in CELLS.read(finished)}
    assert told | {row.step for row in snapshots if any(row.refusals.values())} == {*expected, None}


def test_each_snapshot_has_cells_or_a_reason(finished: Path) -> None:
    measured = {row.step for row in CELLS.read(finished)}
    for row in SNAPSHOTS.read(finished):
        assert (row.step in measured) != any(row.refusals.values())


@pytest.mark.parametrize("name", ["progress.csv", "snapshots.csv", "losses.csv"])
def test_it_is_measured_again_from_finished_artifacts(
    trained: Workspace, finished: Path, tmp_path: Path, name: str
) -> None:
    again = context(trained, tmp_path / "again")
    progress.reverify(again, StageArtifacts(finished, finished))
    assert (again.directory / name).read_bytes() == (finished / name).read_bytes()
