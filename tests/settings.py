"""The studies' settings, as ``conf/`` says them, for tests to change what they need."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mechval.config import AnyConfig, parse_config
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.training.recipe import Descent
from mechval.two_sat.configs import TwoSatSettings

FOLDER = Path(__file__).resolve().parents[1] / "conf" / "settings"


def preset(study: str, name: str = "reference") -> dict[str, Any]:
    """All settings of a preset, as plain values."""
    files = (FOLDER / study / f"{part}.yaml" for part in ("base", name))
    values: Any = OmegaConf.to_container(OmegaConf.merge(*map(OmegaConf.load, files)))
    return values


def changed(config: AnyConfig, **values: Any) -> AnyConfig:
    """The config with other values for some of its fields, checked."""
    return type(config).model_validate({**dict(config), **values})


TWO_SAT = parse_config(TwoSatSettings, preset("two_sat"))
PLAIN_RECIPE = changed(TWO_SAT.training, optimizer="adamw", warmup_steps=0, decay_from=None)
"""One rate throughout."""
DESCENT = parse_config(Descent, preset("two_sat", "proved")["consolidate"]["sharpen"])
MODULAR_ADDITION = parse_config(ModularAdditionSettings, preset("modular_addition"))
STAGES = (
    "data",
    "nulls",
    "train",
    "circuit",
    "improve",
    "axioms",
    "partial",
    "progress",
    "certify",
    "report",
)
"""Of a 2-SAT run whose network is trained and stays as it is."""
