"""Run the pipeline: ``python -m experiments.run +stage=all``.

``+stage=dashboard`` is a command word and no stage: it uploads what was tracked of a run, after
the stages that it is in a list with.

Exit codes: 1 verification found differences, others as in ``experiments.exits``.
"""

import os
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiments.choices import check_choices, missing_stage, quoted, refused_by_hydra
from experiments.dashboard import upload
from experiments.exits import exit_codes
from experiments.folders import packaged, working_folder
from experiments.pages import build_requested
from experiments.settings import Request, read_request
from experiments.settings_help import explain_settings
from experiments.tracking import make_observer
from mechval.errors import MechvalError
from mechval.pipeline import Workspace, run_stages, verify_stages
from mechval.pipeline.places import require_writable

MULTIRUN = {"-m", "--multirun"}
# Hydra's own commands, which run nothing.
ASKED = {"-c", "--cfg", "-i", "--info", "-sc", "--shell-completion"}
CONF = packaged("conf")

OmegaConf.register_new_resolver("explained", explain_settings, replace=True)


def main() -> None:
    """The entry point."""
    with exit_codes():
        words = sys.argv[1:]
        check_choices(words, CONF)
        require_writable(working_folder() / "build")
        # Hydra raises what it refuses, for us to tell.
        os.environ.setdefault("HYDRA_FULL_ERROR", "1")
        if not MULTIRUN & set(words):
            sys.argv[1:] = map(quoted, words)
        try:
            run()
        except (HydraException, OmegaConfBaseException) as error:
            raise refused_by_hydra(error, words) from None
        except (ValueError, LookupError) as error:
            if ASKED.isdisjoint(word.partition("=")[0] for word in words):
                raise
            raise refused_by_hydra(error, words) from None


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def run(config: DictConfig) -> None:
    """Run or verify the stages that one composed config asks for."""
    with exit_codes():
        if "stage" not in config:
            raise missing_stage(config.study)
        words = HydraConfig.get().overrides.task
        execute(read_request(config, words, Workspace(Path.cwd())))


def execute(request: Request) -> None:
    """Verify, bring up to date, or upload, as a request says."""
    stages = [name for name in request.options.stage if name != "dashboard"]
    what = (request.study, request.settings, stages, request.workspace, request.run_options)
    if not stages:
        upload(request)
    elif request.options.verify:
        if verify_stages(*what).failures:
            sys.exit(1)
    else:
        _run_and_show(request, what)
        if "dashboard" in request.options.stage:
            upload(request)


def _run_and_show(request: Request, what: tuple[Any, ...]) -> None:
    study, run, stages = request.study.name, request.run_options.run, request.options.stage
    observer = make_observer(request)
    try:
        run_stages(*what, observer=observer)
    except MechvalError:
        # The page needs the tracked tables only: a fresh clone has them and not the bulk data.
        if stages == ("report",):
            build_requested(request)
        raise
    if {"report", "all"} & set(stages):
        build_requested(request)
    if observer is not None:
        observer.sum_up(request.workspace.run_directory(study, run) / "report" / "index.html")


if __name__ == "__main__":
    main()
