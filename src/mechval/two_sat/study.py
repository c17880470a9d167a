"""The 2-SAT case study as stages of the pipeline (paper section 4)."""

import hashlib
from typing import Any

from mechval.pipeline.stage import Stage
from mechval.two_sat.settings import TwoSatSettings
from mechval.two_sat.stages import axioms, circuit, data, report, train

SETTINGS = TwoSatSettings


class TwoSatStudy:
    """Stages ``data``, ``train``, ``circuit``, ``axioms``, ``report``."""

    name = "two_sat"

    def stages(self, settings: TwoSatSettings) -> tuple[Stage[TwoSatSettings], ...]:
        """The stages in pipeline order."""
        return (
            _stage(data, "data", (), ("problem", "data")),
            _train_stage(settings),
            _stage(circuit, "circuit", ("data", "train"), ("problem", "architecture", "circuit")),
            _stage(
                axioms,
                "axioms",
                ("data", "train", "circuit"),
                ("problem", "architecture", "axioms"),
            ),
            _stage(
                report,
                "report",
                ("data", "train", "circuit", "axioms"),
                ("problem", "training", "finishing"),
            ),
        )


STUDY = TwoSatStudy()


def _stage(
    module: Any, name: str, upstream: tuple[str, ...], keys: tuple[str, ...]
) -> Stage[TwoSatSettings]:
    return Stage(
        name=name,
        upstream=upstream,
        modules=(module.__name__,),
        run=module.run,
        config_slice=lambda settings: _slice(settings, keys),
    )


def _train_stage(settings: TwoSatSettings) -> Stage[TwoSatSettings]:
    if settings.model.kind == "published":
        return Stage(
            name="train",
            upstream=("data",),
            modules=(train.__name__,),
            run=train.import_published,
            config_slice=_published_slice,
        )
    keys = ("problem", "architecture", "training", "finishing")
    return Stage(
        name="train",
        upstream=("data",),
        modules=(train.__name__,),
        run=train.run,
        config_slice=lambda settings: _slice(settings, keys),
        reverify=train.reverify,
        estimate=train.estimate,
    )


def _slice(settings: TwoSatSettings, keys: tuple[str, ...]) -> dict[str, Any]:
    """The named parts of the settings; absent optional parts are left out."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {key: values[key] for key in keys if key in values}


def _published_slice(settings: TwoSatSettings) -> dict[str, Any]:
    checkpoint = train.published_checkpoint(settings)
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    return {**_slice(settings, ("problem", "architecture")), "checkpoint_sha256": digest}
