"""The real command line with the toy study in the place of the 2-SAT study.

Run as a script. With ``TOY_WAIT`` in the environment the circuit stage writes a checkpoint, says
so in a file ``waiting`` and sleeps, so that a test can interrupt it; it wakes up by itself only
where that test hangs. ``TOY_WANDB_SECONDS`` is how long W&B's server may take to answer.
"""

import os
import runpy
import sys
import time
from pathlib import Path

from experiments import dashboard, pages, studies, tracking
from mechval.pipeline import StageContext
from tests.guards import HANG_SECONDS
from tests.unit.pipeline import toy_study


def wait(context: StageContext) -> None:
    (context.scratch / "checkpoint").touch()
    (context.directory / "half.json").write_text("{", encoding="utf-8")
    Path("waiting").touch()
    time.sleep(2 * HANG_SECONDS)


def replace_study() -> None:
    studies.STUDIES["two_sat"] = toy_study.__name__
    # Pages are made of the real study's sections, which the toy has no tables for.
    pages.build_requested = lambda request: None
    dashboard.answers = lambda *_: []


if __name__ == "__main__":
    sys.argv[0] = "run"
    replace_study()
    if "TOY_WAIT" in os.environ:
        toy_study.STUDY = toy_study.with_run("circuit", wait)
    seconds = int(os.environ.get("TOY_WANDB_SECONDS", "10"))
    tracking.INIT_SECONDS["online"] = dashboard.API_SECONDS = seconds
    runpy.run_module("experiments.run", run_name="__main__")
