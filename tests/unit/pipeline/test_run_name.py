"""No override or sweep can overwrite a committed run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.errors import MechvalError
from mechval.pipeline import RunConfig, choose_run_name, load_run_config

DEFAULT = RunConfig(
    study="two_sat",
    preset="reference",
    model="own",
    seed=0,
    settings={"problem": {"n_clauses": 10}},
    is_default=True,
)
COMMITTED = DEFAULT.record


def test_the_committed_config_is_the_reference_run() -> None:
    assert choose_run_name(None, DEFAULT, COMMITTED) == "reference"


def test_the_first_default_run_becomes_the_reference() -> None:
    assert choose_run_name(None, DEFAULT, None) == "reference"


def test_a_first_run_with_overrides_does_not() -> None:
    name = choose_run_name(None, replace(DEFAULT, is_default=False), None)
    assert name == DEFAULT.derived_name


def test_another_preset_with_the_committed_config_is_the_reference_run() -> None:
    same = replace(DEFAULT, preset="paper", is_default=False)
    assert choose_run_name(None, same, COMMITTED) == "reference"


def test_a_derived_name_shows_preset_hash_and_seed() -> None:
    name = choose_run_name(None, replace(DEFAULT, preset="cpu", seed=7), COMMITTED)
    assert name.startswith("cpu-")
    assert name.endswith("-s7")
    assert len(name) == len("cpu-01234567-s7")


def test_seeds_of_one_config_share_the_hash() -> None:
    names = [replace(DEFAULT, seed=seed).derived_name for seed in (1, 2)]
    assert names[0].removesuffix("1") == names[1].removesuffix("2")


@given(
    seed=st.integers(0, 9),
    n_clauses=st.integers(4, 20),
    model=st.sampled_from(["own", "published"]),
    preset=st.sampled_from(["reference", "cpu"]),
    is_default=st.booleans(),
)
def test_only_the_committed_config_is_ever_named_reference(
    seed: int, n_clauses: int, model: str, preset: str, is_default: bool
) -> None:
    settings: dict[str, Any] = {"problem": {"n_clauses": n_clauses}}
    config = RunConfig("two_sat", preset, model, seed, settings, is_default)
    name = choose_run_name(None, config, COMMITTED)
    assert (name == "reference") == (config.values == DEFAULT.values)


def test_a_published_model_has_its_own_protected_run() -> None:
    assert choose_run_name(None, replace(DEFAULT, model="published"), None) == "published"


def test_asking_for_reference_with_another_config_names_the_difference() -> None:
    with pytest.raises(MechvalError, match="seed changed from 0 to 1"):
        choose_run_name("reference", replace(DEFAULT, seed=1), COMMITTED)


def test_asking_for_reference_before_there_is_one_is_allowed() -> None:
    config = replace(DEFAULT, seed=1, is_default=False)
    assert choose_run_name("reference", config, None) == "reference"


def test_asking_for_reference_with_the_published_model_is_refused() -> None:
    with pytest.raises(MechvalError, match="model=published; allowed: published"):
        choose_run_name("reference", replace(DEFAULT, model="published"), None)


def test_a_name_of_ones_own_is_kept() -> None:
    assert choose_run_name("mine", DEFAULT, COMMITTED) == "mine"


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a b", "x" * 101])
def test_a_name_that_is_no_plain_folder_name_is_refused(name: str) -> None:
    with pytest.raises(MechvalError, match="letters, digits"):
        choose_run_name(name, DEFAULT, COMMITTED)


def test_a_committed_config_is_read_if_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert load_run_config(path) is None
    path.write_text(json.dumps(DEFAULT.record), encoding="utf-8")
    assert load_run_config(path) == COMMITTED


def test_the_words_that_made_a_run_do_not_bind_it() -> None:
    other = {**COMMITTED, "words": ["seed=0"]}
    assert choose_run_name(None, DEFAULT, other) == "reference"
    assert choose_run_name("reference", DEFAULT, other) == "reference"


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_a_corrupt_committed_config_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(MechvalError, match=r"config\.json is corrupt"):
        load_run_config(tmp_path / "config.json")
