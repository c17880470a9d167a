"""The 2-SAT case study as stages of the pipeline (paper section 4)."""

from dataclasses import replace
from typing import Any

from mechval.pipeline.stage import Stage
from mechval.pipeline.study import Study, depends_on, imported, stages_of, told_with
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.report import content
from mechval.two_sat.stages import (
    axioms,
    certify,
    circuit,
    consolidate,
    data,
    improve,
    nulls,
    partial,
    progress,
    report,
    train,
)

NETWORK = ("problem", "architecture")
MODULES = (
    *(data, nulls, train, consolidate, circuit, improve, axioms, partial),
    *(progress, certify, report),
)
"""In pipeline order."""


def _stages(settings: TwoSatSettings) -> tuple[Stage[Any], ...]:
    is_on = settings.consolidate is not None
    # The recipes are keys of the stages that make weights alone: weights are inputs of the rest.
    modules = [each for each in MODULES if is_on or each is not consolidate]
    made = {stage.name: stage for stage in stages_of(modules)}
    made["train"] = _train(made["train"], settings)
    made["report"] = told_with(made["report"], report, content.TEXTS)
    return tuple(made.values())


def _train(stage: Stage[Any], settings: TwoSatSettings) -> Stage[Any]:
    if settings.consolidate is not None and settings.consolidate.start == "scratch":
        drawn = depends_on(NETWORK)
        return replace(stage, run=train.draw, config_slice=drawn, reverify=None, estimate=None)
    return stage if settings.model.kind == "own" else imported(stage, train, NETWORK)


STUDY = Study("two_sat", TwoSatSettings, _stages, MODULES)
