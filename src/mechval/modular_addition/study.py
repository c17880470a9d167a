"""The modular-addition case study as stages of the pipeline (paper section 5)."""

from typing import Any

from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.report.published_values import DATA_FILE
from mechval.modular_addition.stages import (
    axioms,
    certify,
    circuit,
    data,
    progress,
    report,
    train,
)
from mechval.pipeline.stage import Stage
from mechval.pipeline.study import (
    Study,
    file_digest,
    import_stage,
    module_stage,
    own_train_stage,
    settings_slice,
)

NETWORK = ("problem", "architecture")


def _report_slice(settings: ModularAdditionSettings) -> dict[str, Any]:
    return {
        **settings_slice(settings, ("problem", "training")),
        "model": settings.model.kind,
        "published_values_sha256": file_digest(DATA_FILE),
    }


def _stages(train_stage: Stage[Any]) -> tuple[Stage[Any], ...]:
    return (
        module_stage(data, "data", (), ("problem", "data")),
        train_stage,
        module_stage(circuit, "circuit", ("data", "train"), (*NETWORK, "circuit")),
        module_stage(axioms, "axioms", ("data", "train", "circuit"), (*NETWORK, "axioms")),
        # The recipe is not among its keys: another one makes other weights, an input.
        module_stage(
            progress,
            "progress",
            ("data", "train"),
            (*NETWORK, "circuit", "axioms"),
            progress.reverify,
        ),
        module_stage(certify, "certify", ("train", "axioms"), (*NETWORK, "certify")),
        Stage(
            name="report",
            upstream=("data", "train", "circuit", "axioms", "progress", "certify"),
            modules=(report.__name__,),
            run=report.run,
            config_slice=_report_slice,
        ),
    )


STUDY = Study(
    name="modular_addition",
    settings=ModularAdditionSettings,
    own=_stages(own_train_stage(train, (*NETWORK, "training"))),
    published=_stages(import_stage(train, NETWORK)),
)
