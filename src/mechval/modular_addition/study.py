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
from mechval.pipeline.manifest import hash_file
from mechval.pipeline.stage import Stage
from mechval.pipeline.study import Study, import_stage, module_stage

NETWORK = ("problem", "architecture")


def _report_facts(settings: ModularAdditionSettings) -> dict[str, Any]:
    texts = {path.name: hash_file(path) for path in content.TEXTS}
    return {"model": settings.model.kind, "texts_sha256": texts}


def _stages(train_stage: Stage[Any]) -> tuple[Stage[Any], ...]:
    return (
        module_stage(data, (), ("problem", "data")),
        train_stage,
        module_stage(circuit, ("data", "train"), (*NETWORK, "circuit")),
        module_stage(axioms, ("data", "train", "circuit"), (*NETWORK, "axioms")),
        module_stage(partial, ("train", "circuit", "data"), (*NETWORK, "axioms")),
        # The recipe is not among its keys: another one makes other weights, an input.
        module_stage(progress, ("data", "train"), (*NETWORK, "circuit", "axioms")),
        module_stage(certify, ("train", "axioms"), (*NETWORK, "certify")),
        module_stage(
            report,
            ("data", "train", "circuit", "axioms", "partial", "progress", "certify"),
            ("problem", "training"),
            _report_facts,
        ),
    )


_OWN = _stages(module_stage(train, ("data",), (*NETWORK, "training")))
_PUBLISHED = _stages(import_stage(train, ("data",), NETWORK))


def _stages_of(settings: ModularAdditionSettings) -> tuple[Stage[Any], ...]:
    if settings.model.kind == "weights":
        raise MechvalError(
            "model.kind=weights is not allowed with study=modular_addition; allowed: own or "
            "published."
        )
    return _OWN if settings.model.kind == "own" else _PUBLISHED


STUDY = Study(
    name="modular_addition",
    settings=ModularAdditionSettings,
    stages=_stages_of,
    stage_names=tuple(stage.name for stage in _OWN),
)
