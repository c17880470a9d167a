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
    file_digest,
    import_stage,
    module_stage,
    own_train_stage,
    settings_slice,
)

SETTINGS = ModularAdditionSettings


class ModularAdditionStudy:
    """Stages `data`, `train`, `circuit`, `axioms`, `progress`, `certify`, `report`."""

    name = "modular_addition"

    def stages(self, settings: ModularAdditionSettings) -> tuple[Stage[Any], ...]:
        """The stages in pipeline order."""
        network = ("problem", "architecture")
        if settings.model.kind == "published":
            train_stage = import_stage(train, network)
        else:
            train_stage = own_train_stage(train, (*network, "training"))
        return (
            module_stage(data, "data", (), ("problem", "data")),
            train_stage,
            module_stage(circuit, "circuit", ("data", "train"), (*network, "circuit")),
            module_stage(axioms, "axioms", ("data", "train", "circuit"), (*network, "axioms")),
            # The recipe is not among its keys: another one makes other weights, an input.
            module_stage(
                progress,
                "progress",
                ("data", "train"),
                (*network, "circuit", "axioms"),
                progress.reverify,
            ),
            module_stage(certify, "certify", ("train", "axioms"), (*network, "certify")),
            Stage(
                name="report",
                upstream=("data", "train", "circuit", "axioms", "progress", "certify"),
                modules=(report.__name__,),
                run=report.run,
                config_slice=_report_slice,
            ),
        )


STUDY = ModularAdditionStudy()


def _report_slice(settings: ModularAdditionSettings) -> dict[str, Any]:
    return {
        **settings_slice(settings, ("problem", "training")),
        "model": settings.model.kind,
        "published_values_sha256": file_digest(DATA_FILE),
    }
