"""A sweep over seeds through Hydra's launchers: on this machine, and as SLURM would run it."""

from pathlib import Path

import pytest

from tests.end_to_end.commands import QUIET, run_commands

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_a_sweep_over_seeds_runs_each_seed_in_its_own_folder(tmp_path: Path, launcher: str) -> None:
    words = ("--multirun", f"hydra/launcher={launcher}", "+stage=data", "preset=smoke", "seed=0,1")
    (answer,) = run_commands(tmp_path, [(*words, "study=modular_addition", *QUIET)])
    assert answer.code == 0, answer.stderr
    runs = sorted((tmp_path / "results" / "modular_addition").iterdir())
    assert [run.name.rpartition("-")[2] for run in runs] == ["s0", "s1"]
    assert all((run / "data" / "manifest.json").exists() for run in runs)
