"""The modular-addition case study as stages of the pipeline (paper section 5)."""

from typing import Any

from mechval.errors import MechvalError
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.report import content
from mechval.modular_addition.stages import (
    axioms,
    certify,
    circuit,
    data,
    partial,
    progress,
    report,
    train,
)
from mechval.pipeline.stage import Stage
from mechval.pipeline.study import Study, imported, stages_of, told_with

MODULES = (data, train, circuit, axioms, partial, progress, certify, report)


def _stages(settings: ModularAdditionSettings) -> tuple[Stage[Any], ...]:
    if settings.model.kind == "weights":
        raise MechvalError(
            "model.kind=weights is not allowed with study=modular_addition; allowed: own or "
            "published."
        )
    made = {stage.name: stage for stage in stages_of(MODULES)}
    made["report"] = told_with(made["report"], report, content.TEXTS)
    if settings.model.kind == "published":
        made["train"] = imported(made["train"], train, ("problem", "architecture"))
    return tuple(made.values())


STUDY = Study("modular_addition", ModularAdditionSettings, _stages, MODULES)
