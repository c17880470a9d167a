"""The 2-SAT case study as stages of the pipeline (paper section 4)."""

from typing import Any

from mechval.pipeline.stage import Stage
from mechval.pipeline.study import (
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

SETTINGS = TwoSatSettings


class TwoSatStudy:
    """Stages `data`, `nulls`, `train`, `circuit`, `improve`, `axioms`, and what follows."""

    name = "two_sat"

    def stages(self, settings: TwoSatSettings) -> tuple[Stage[TwoSatSettings], ...]:
        """The stages in pipeline order."""
        return (
            module_stage(data, "data", (), ("problem", "data")),
            module_stage(
                nulls,
                "nulls",
                ("data",),
                ("problem", "architecture", "circuit", "axioms", "nulls"),
                nulls.reverify,
            ),
            _train_stage(settings),
            module_stage(
                circuit, "circuit", ("data", "train"), ("problem", "architecture", "circuit")
            ),
            module_stage(
                improve,
                "improve",
                ("data", "train", "circuit"),
                ("problem", "architecture", "circuit", "improved"),
                improve.reverify,
            ),
            module_stage(
                axioms,
                "axioms",
                ("data", "train", "circuit", "improve"),
                ("problem", "architecture", "circuit", "axioms", "variants"),
            ),
            # The recipes are not among its keys: another recipe makes other weights, an input.
            module_stage(
                progress,
                "progress",
                ("data", "train"),
                ("problem", "architecture", "circuit", "axioms", "progress"),
                progress.reverify,
            ),
            module_stage(
                certify,
                "certify",
                ("data", "train", "circuit", "axioms"),
                ("problem", "architecture", "axioms", "certify"),
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


STUDY = TwoSatStudy()


def _train_stage(settings: TwoSatSettings) -> Stage[TwoSatSettings]:
    network = ("problem", "architecture")
    if settings.model.kind == "published":
        return import_stage(train, network)
    return own_train_stage(train, (*network, "training", "finishing"))


def _report_slice(settings: TwoSatSettings) -> dict[str, Any]:
    return {
        **settings_slice(settings, ("problem", "training", "finishing")),
        "model": settings.model.kind,
        "published_values_sha256": file_digest(DATA_FILE),
    }
