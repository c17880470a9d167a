"""The 2-SAT case study as stages of the pipeline (paper section 4)."""

from dataclasses import replace
from typing import Any

from mechval.pipeline.manifest import hash_file
from mechval.pipeline.stage import Stage
from mechval.pipeline.study import Study, import_stage, module_stage
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


def _report_facts(settings: TwoSatSettings) -> dict[str, Any]:
    texts = {path.name: hash_file(path) for path in content.TEXTS}
    return {"model": settings.model.kind, "texts_sha256": texts}


def _train_stage(settings: TwoSatSettings) -> Stage[Any]:
    if settings.consolidate is not None and settings.consolidate.start == "scratch":
        return replace(
            module_stage(train, ("data",), NETWORK), run=train.draw, reverify=None, estimate=None
        )
    if settings.model.kind == "own":
        return module_stage(train, ("data",), (*NETWORK, "training", "finishing"))
    return import_stage(train, ("data",), NETWORK)


def _stages(settings: TwoSatSettings) -> tuple[Stage[Any], ...]:
    # The recipes are keys of the stages that make weights alone: weights are inputs of the rest.
    is_on = settings.consolidate is not None
    network = "consolidate" if is_on else "train"
    both = ("train", *(("consolidate",) if is_on else ()))
    consolidated = module_stage(consolidate, ("data", "train"), (*NETWORK, "consolidate"))
    return (
        module_stage(data, (), ("problem", "data")),
        module_stage(nulls, ("data",), (*NETWORK, "circuit", "axioms", "nulls")),
        _train_stage(settings),
        *((consolidated,) if is_on else ()),
        module_stage(circuit, ("data", network), (*NETWORK, "circuit")),
        module_stage(improve, ("data", network, "circuit"), (*NETWORK, "circuit", "improved")),
        module_stage(
            axioms,
            ("data", network, "circuit", "improve"),
            (*NETWORK, "circuit", "axioms", "variants"),
            optional=("improve",),
        ),
        module_stage(partial, ("data", network, "circuit"), (*NETWORK, "axioms", "partial")),
        module_stage(progress, ("data", *both), (*NETWORK, "circuit", "axioms", "progress")),
        module_stage(
            certify, ("data", network, "circuit", "axioms"), (*NETWORK, "axioms", "certify")
        ),
        module_stage(
            report,
            ("data", "nulls", *both, "circuit", "axioms", "partial", "progress", "certify"),
            ("problem", "training", "finishing"),
            _report_facts,
        ),
    )


STUDY = Study(
    name="two_sat",
    settings=TwoSatSettings,
    stages=_stages,
    stage_names=(
        *("data", "nulls", "train", "consolidate", "circuit", "improve", "axioms", "partial"),
        *("progress", "certify", "report"),
    ),
)
