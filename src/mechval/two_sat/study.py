"""The 2-SAT case study as stages of the pipeline (paper section 4)."""

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
    data,
    improve,
    nulls,
    progress,
    report,
    train,
)

NETWORK = ("problem", "architecture")


def _report_facts(settings: TwoSatSettings) -> dict[str, Any]:
    texts = {path.name: hash_file(path) for path in content.TEXTS}
    return {"model": settings.model.kind, "texts_sha256": texts}


def _stages(train_stage: Stage[Any]) -> tuple[Stage[Any], ...]:
    return (
        module_stage(data, (), ("problem", "data")),
        module_stage(nulls, ("data",), (*NETWORK, "circuit", "axioms", "nulls")),
        train_stage,
        module_stage(circuit, ("data", "train"), (*NETWORK, "circuit")),
        module_stage(improve, ("data", "train", "circuit"), (*NETWORK, "circuit", "improved")),
        module_stage(
            axioms,
            ("data", "train", "circuit", "improve"),
            (*NETWORK, "circuit", "axioms", "variants"),
        ),
        # The recipes are not among its keys: another recipe makes other weights, an input.
        module_stage(progress, ("data", "train"), (*NETWORK, "circuit", "axioms", "progress")),
        module_stage(
            certify, ("data", "train", "circuit", "axioms"), (*NETWORK, "axioms", "certify")
        ),
        module_stage(
            report,
            ("data", "nulls", "train", "circuit", "axioms", "progress", "certify"),
            ("problem", "training", "finishing"),
            _report_facts,
        ),
    )


STUDY = Study(
    name="two_sat",
    settings=TwoSatSettings,
    own=_stages(module_stage(train, ("data",), (*NETWORK, "training", "finishing"))),
    published=_stages(import_stage(train, ("data",), NETWORK)),
)
