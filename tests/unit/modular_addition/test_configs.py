"""Presets of the study, and settings that are refused."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from mechval.config import Config, parse_config
from mechval.errors import MechvalError
from mechval.modular_addition.configs import ModularAdditionSettings

CONF = Path(__file__).resolve().parents[3] / "conf"
PRESETS = ("reference", "cpu", "paper", "smoke")


def values(preset: str, *words: str) -> dict[str, Any]:
    overrides = ["study=modular_addition", f"preset={preset}", "~wandb", *words]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("config", overrides=overrides)
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    names = ModularAdditionSettings.model_fields
    return {str(key): value for key, value in plain.items() if key in names}


def settings(preset: str, *words: str) -> ModularAdditionSettings:
    return parse_config(ModularAdditionSettings, values(preset, *words))


def everything(config: Config) -> dict[str, Any]:
    """What a config has, with what is not written where it is unchanged."""
    plain = config.model_dump(mode="json")
    return {
        name: everything(value) if isinstance(value, Config) else plain.get(name, value)
        for name, value in config
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_says_every_setting(preset: str) -> None:
    assert everything(settings(preset)) == values(preset)


def test_there_is_a_file_per_preset() -> None:
    folder = CONF / "settings" / "modular_addition"
    assert {path.stem for path in folder.iterdir()} == {"base", *PRESETS}


def test_the_paper_preset_is_the_published_recipe() -> None:
    found = settings("paper")
    assert (found.problem.p, found.data.train_fraction) == (113, 0.3)
    assert found.training.learning_rate == 1e-3
    assert found.training.weight_decay == 1
    assert found.training.betas == (0.9, 0.98)
    assert found.architecture.model_dump() == {"d_model": 128, "d_mlp": 512, "n_heads": (4,)}


def test_any_modulus_needs_no_other_change() -> None:
    assert settings("reference", "problem.p=59").problem.d_vocab == 60


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("problem.p=4", "problem.p=4 is not allowed; allowed: an integer from 5 to 499."),
        ("problem.p=7.5", "problem.p=7.5 is not allowed; allowed: an integer from 5 to 499."),
        ("data.train_fraction=0.00001", "leaves 0 of 12769 inputs to train on"),
        ("data.train_fraction=1.0", "data.train_fraction=1.0 is not allowed"),
        ("architecture.n_heads=[4,4]", "n_heads=.4, 4. has 2 blocks; allowed: one head count"),
        ("architecture.n_heads=[3]", "n_heads=.3. must divide d_model=128"),
        ("training.max_steps=10", "max_steps=10 must be at least evaluate_every_steps=50"),
        ("model=published", "must come with model.path=<file>"),
    ],
)
def test_wrong_settings_are_refused_in_a_sentence(word: str, told: str) -> None:
    with pytest.raises(MechvalError, match=told) as refusal:
        settings("reference", word)
    assert str(refusal.value).count("\n") == 0
