"""Sweeps through Hydra's launchers: jobs side by side here, and as a cluster would run them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.commands import QUIET, environment

pytestmark = pytest.mark.slow

# submitit's local executor starts its jobs as a cluster does, from a pickled submission.
LAUNCHERS = {
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_job_of_a_sweep_leaves_its_own_run(launcher: str, tmp_path: Path) -> None:
    words = ("+stage=data", "preset=smoke", "seed=0,1", "data.training_formulas=1200")
    subprocess.run(
        [
            *(sys.executable, "-m", "experiments.run", "--multirun"),
            *(*words, "data.analysis_formulas=600", *QUIET, *LAUNCHERS[launcher]),
        ],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
        timeout=300,
    )
    manifests = sorted((tmp_path / "results" / "two_sat").glob("smoke-*/data/manifest.json"))
    assert [path.parts[-3].rpartition("-")[2] for path in manifests] == ["s0", "s1"]
