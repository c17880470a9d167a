"""Runs the stages of a case study, keeps versioned results and verifies them.

It knows no study, no Hydra and no experiment tracker. Stage bodies import their contract from
``mechval.pipeline.stage``; callers use the names below.
"""

from mechval.pipeline.comparison import Difference
from mechval.pipeline.manifest import Manifest
from mechval.pipeline.places import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.pipeline.run_name import RunConfig, choose_run_name, load_run_config
from mechval.pipeline.runner import Observer, run_stages
from mechval.pipeline.session import RunOptions
from mechval.pipeline.stage import CaseStudy, Stage, StageArtifacts, StageContext
from mechval.pipeline.verification import VerificationReport, verify_stages

__all__ = [
    "CaseStudy",
    "Difference",
    "FinishedRun",
    "Manifest",
    "Observer",
    "RunConfig",
    "RunOptions",
    "Stage",
    "StageArtifacts",
    "StageContext",
    "VerificationReport",
    "Workspace",
    "choose_run_name",
    "load_run_config",
    "run_stages",
    "verify_stages",
]
