"""The manifest file: stable bytes, exact hashes, refusals."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.errors import MechvalError
from mechval.pipeline.manifest import (
    Manifest,
    StageKey,
    hash_files,
    load_manifest,
    make_manifest,
    manifest_text,
    plain_values,
    upstream_inputs,
)

PLAIN = st.integers() | st.text(max_size=3) | st.tuples(st.integers(), st.floats(-1, 1))
KEY = StageKey(config={"b": 1, "a": (1, 2)}, seed=3, code="c0de", inputs={"x": "y"})


def make(tmp_path: Path) -> Manifest:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_bytes(b"abc")
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    return make_manifest("data", KEY, tmp_path, tmp_path / "absent")


def test_files_are_named_relative_and_hashed_by_sha256(tmp_path: Path) -> None:
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert make(tmp_path).tracked == {"tables/a.csv": digest}


def test_a_missing_bulk_directory_has_no_files(tmp_path: Path) -> None:
    assert hash_files(tmp_path / "absent") == {}


def test_the_file_ends_in_a_newline(tmp_path: Path) -> None:
    assert manifest_text(make(tmp_path)).endswith("}\n")


def test_key_order_does_not_change_the_bytes(tmp_path: Path) -> None:
    manifest = make(tmp_path)
    other = manifest.model_copy(update={"config": {"a": (1, 2), "b": 1}})
    assert manifest_text(other) == manifest_text(manifest)


@given(config=st.dictionaries(st.text(max_size=3), PLAIN, max_size=3))
def test_plain_values_survive_a_round_trip(config: dict) -> None:
    assert plain_values(plain_values(config)) == plain_values(config)


def test_saved_manifests_load_equal(tmp_path: Path) -> None:
    manifest = make(tmp_path).model_copy(update={"config": {"a": [1, 2]}})
    (tmp_path / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")
    assert load_manifest(tmp_path / "manifest.json") == manifest


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"stage": 1}'])
def test_a_corrupt_manifest_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MechvalError, match=r"manifest\.json is corrupt"):
        load_manifest(path)


def test_inputs_are_bulk_and_tables_but_no_cards() -> None:
    upstream = Manifest(
        stage="data",
        config={},
        seed=0,
        code="",
        inputs={},
        tracked={"card.md": "1", "facts.json": "2", "figures/a.svg": "3"},
        bulk={"formulas.safetensors": "4"},
    )
    assert upstream_inputs({"data": upstream}) == {
        "data/bulk/formulas.safetensors": "4",
        "data/tracked/facts.json": "2",
    }
