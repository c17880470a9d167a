"""The 2-SAT case study as stages of the pipeline (paper section 4)."""

from typing import Any

from mechval.pipeline.stage import Stage
from mechval.pipeline.study import (
    Study,
    file_digest,
    import_stage,
    module_stage,
    own_train_stage,
    settings_slice,
)
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.report.published_values import DATA_FILE
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


def _report_slice(settings: TwoSatSettings) -> dict[str, Any]:
    return {
        **settings_slice(settings, ("problem", "training", "finishing")),
        "model": settings.model.kind,
        "published_values_sha256": file_digest(DATA_FILE),
    }


def _stages(train_stage: Stage[Any]) -> tuple[Stage[Any], ...]:
    return (
        module_stage(data, "data", (), ("problem", "data")),
        module_stage(
            nulls, "nulls", ("data",), (*NETWORK, "circuit", "axioms", "nulls"), nulls.reverify
        ),
        train_stage,
        module_stage(circuit, "circuit", ("data", "train"), (*NETWORK, "circuit")),
        module_stage(
            improve,
            "improve",
            ("data", "train", "circuit"),
            (*NETWORK, "circuit", "improved"),
            improve.reverify,
        ),
        module_stage(
            axioms,
            "axioms",
            ("data", "train", "circuit", "improve"),
            (*NETWORK, "circuit", "axioms", "variants"),
        ),
        # The recipes are not among its keys: another recipe makes other weights, an input.
        module_stage(
            progress,
            "progress",
            ("data", "train"),
            (*NETWORK, "circuit", "axioms", "progress"),
            progress.reverify,
        ),
        module_stage(
            certify,
            "certify",
            ("data", "train", "circuit", "axioms"),
            (*NETWORK, "axioms", "certify"),
            certify.reverify,
        ),
        Stage(
            name="report",
            upstream=("data", "nulls", "train", "circuit", "axioms", "progress", "certify"),
            modules=(report.__name__,),
            run=report.run,
            config_slice=_report_slice,
        ),
    )


STUDY = Study(
    name="two_sat",
    settings=TwoSatSettings,
    own=_stages(own_train_stage(train, (*NETWORK, "training", "finishing"))),
    published=_stages(import_stage(train, NETWORK)),
)
