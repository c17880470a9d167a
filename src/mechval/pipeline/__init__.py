"""Runs the stages of a case study, keeps versioned results and verifies them.

It knows no study, no Hydra and no experiment tracker. Stage bodies import their contract from
``mechval.pipeline.stage``; callers use the names below.
"""

from mechval.pipeline.manifest import Manifest as Manifest
from mechval.pipeline.places import Workspace as Workspace
from mechval.pipeline.recomputed import Difference as Difference
from mechval.pipeline.run import FinishedRun as FinishedRun
from mechval.pipeline.run_name import RunConfig as RunConfig
from mechval.pipeline.run_name import choose_run_name as choose_run_name
from mechval.pipeline.run_name import load_run_config as load_run_config
from mechval.pipeline.runner import Observer as Observer
from mechval.pipeline.runner import run_stages as run_stages
from mechval.pipeline.session import RunOptions as RunOptions
from mechval.pipeline.stage import CaseStudy as CaseStudy
from mechval.pipeline.stage import Stage as Stage
from mechval.pipeline.stage import StageArtifacts as StageArtifacts
from mechval.pipeline.stage import StageContext as StageContext
from mechval.pipeline.verification import VerificationReport as VerificationReport
from mechval.pipeline.verification import verify_stages as verify_stages
