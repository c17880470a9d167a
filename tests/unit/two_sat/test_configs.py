"""All settings of the study: every preset is valid, every wrong value is one sentence."""

from functools import partial
from typing import Any

import pytest

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.two_sat.configs import TwoSatSettings
from tests import settings
from tests.settings import FOLDER

NAMES = sorted(path.stem for path in (FOLDER / "two_sat").glob("*.yaml") if path.stem != "base")

preset = partial(settings.preset, "two_sat")


def changed(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split(".")
    inner = values
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return values


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_valid(name: str) -> None:
    assert parse_config(TwoSatSettings, preset(name)).axioms.confidence == 0.95


@pytest.mark.parametrize("name", ["reference", "cpu", "paper"])
def test_every_preset_but_smoke_has_the_papers_sizes(name: str) -> None:
    found = parse_config(TwoSatSettings, preset(name))
    problem, data = found.problem, found.data
    assert (problem.n_variables, problem.n_clauses) == (5, 10)
    assert (data.training_formulas, data.analysis_formulas) == (2_000_000, 200_000)
    assert found.architecture.n_heads == (1, 4)


def test_the_paper_preset_is_the_published_recipe() -> None:
    recipe = parse_config(TwoSatSettings, preset("paper")).training
    found = (recipe.optimizer, recipe.learning_rate, recipe.weight_decay, recipe.betas)
    assert found == ("adamw", 1e-3, 1.0, (0.9, 0.98))
    assert (recipe.batch_size, recipe.examples) == (10_000, 1000 * 1_200_000)


def test_the_cpu_preset_stays_within_its_budget_of_formulas() -> None:
    found = parse_config(TwoSatSettings, preset("cpu"))
    assert found.training.examples <= 3_600_000
    assert found.finishing is None


def test_a_model_is_our_own_unless_told() -> None:
    assert parse_config(TwoSatSettings, preset("smoke")).model.kind == "own"


def test_a_published_model_needs_a_path() -> None:
    values = changed(preset("smoke"), "model", {"kind": "published"})
    with pytest.raises(MechvalError) as refusal:
        parse_config(TwoSatSettings, values)
    assert "model.path=<file>" in str(refusal.value)


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        ("model", {"kind": "theirs"}, "own, published or weights"),
        ("problem.n_variables", 2, "an integer from 3 to 10"),
        ("problem.n_variables", 11, "an integer from 3 to 10"),
        ("problem.n_variables", "five", "an integer from 3 to 10"),
        ("problem.n_clauses", 3, "an integer from 4 to 30"),
        ("problem.n_clauses", 31, "an integer from 4 to 30"),
        ("data.train_fraction", 0.0, "a number between 0 and 1, both excluded"),
        ("data.fit_fraction", 1.0, "a number between 0 and 1, both excluded"),
        ("data.selection_fraction", 0.5, "must add up to less than 1"),
        ("axioms.confidence", 0.5, "a number greater than 0.5 and smaller than 1"),
        ("axioms.confidence", 1, "a number greater than 0.5 and smaller than 1"),
        ("axioms.versions", [], "a list of programs of evaluate, such as trees and disjunction"),
        ("axioms.versions", ["forest"], "'forest'; allowed: trees, disjunction"),
        ("axioms.residuals", ["zero"], "a list of resid_mid and attn_out"),
        ("architecture.n_heads", [1, 7], "must divide d_model=64"),
        ("training.examples", 1, "must cover evaluate_every_steps"),
        ("finishing.optimizer", "sgd", "adamw or muon"),
        ("variants.highs", [0.5, -1], "a list of positive activations"),
        ("variants.tolerances", [-1], "a list of integers from 0 up"),
        ("variants.leaves", [1], "a list of integers from 2 up, null for unlimited"),
        ("variants.noise_probability", 1.5, "a number from 0 to 1"),
        ("variants.noise_kinds", ["literals"], "a list of pairs and clauses"),
        ("variants.surface_cuts", [], "a list of positive activations"),
        ("variants.surface_multiples", [0], "a list of positive multiples"),
        ("nulls.formulas", 1, "an integer from 2 up"),
        ("nulls.shuffled_formulas", 0, "an integer from 2 up"),
        ("nulls.training.examples", 1, "must cover evaluate_every_steps"),
        ("progress.formulas", "all", "an integer from 2 up"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(path: str, value: Any, allowed: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        parse_config(TwoSatSettings, changed(preset("smoke"), path, value))
    assert allowed in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("path", ["problem", "data", "training", "circuit", "axioms"])
def test_a_missing_part_is_named(path: str) -> None:
    values = preset("smoke")
    del values[path]
    with pytest.raises(MechvalError, match=f"^{path} is missing; allowed: "):
        parse_config(TwoSatSettings, values)


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MechvalError, match=r"problem.n_vars is not a known setting; allowed here"):
        parse_config(TwoSatSettings, changed(preset("smoke"), "problem.n_vars", 5))
