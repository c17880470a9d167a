import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from mechval.errors import MechvalError
from mechval.two_sat.formulas.dataset import (
    FILE_NAME,
    SPLIT_NAMES,
    Corpora,
    Split,
    load_corpora,
    load_provenance,
    load_split,
    save_corpora,
)
from mechval.two_sat.formulas.generation import generate_corpora
from mechval.two_sat.problem import Problem
from tests.settings import TWO_SAT, changed

PROBLEM = Problem(n_variables=3, n_clauses=6)


@pytest.fixture(scope="module")
def corpora() -> Corpora:
    config = changed(TWO_SAT.data, training_formulas=600, analysis_formulas=60)
    return generate_corpora(PROBLEM, config, seed=0)


@pytest.fixture
def stored(corpora, tmp_path) -> Path:
    return save_corpora(corpora, tmp_path)


def _with_train(corpora: Corpora, train: Split) -> Corpora:
    return dataclasses.replace(corpora, splits={**corpora.splits, "training.train": train})


@pytest.mark.parametrize("name", SPLIT_NAMES)
def test_stored_formulas_are_read_back(corpora, stored, name):
    loaded = load_corpora(stored.parent, PROBLEM).splits[name]
    assert np.array_equal(loaded.clause_ids, corpora.splits[name].clause_ids)


@pytest.mark.parametrize("name", SPLIT_NAMES)
def test_stored_labels_are_read_back(corpora, stored, name):
    loaded = load_split(stored.parent, PROBLEM, name)
    assert np.array_equal(loaded.satisfiable, corpora.splits[name].satisfiable)


def test_the_provenance_is_read_back(corpora, stored):
    assert load_provenance(stored.parent, PROBLEM) == corpora.provenance


def test_the_same_corpora_give_the_same_bytes(corpora, stored, tmp_path):
    again = save_corpora(corpora, tmp_path / "again")
    assert again.read_bytes() == stored.read_bytes()


def test_a_formula_takes_one_byte_per_clause_and_one_bit(corpora, stored):
    n_formulas = sum(map(len, corpora.splits.values()))
    header_bytes = 8 + int.from_bytes(stored.read_bytes()[:8], "little")
    content_bytes = stored.stat().st_size - header_bytes
    assert content_bytes - n_formulas * PROBLEM.n_clauses == sum(
        -(-len(split) // 8) for split in corpora.splits.values()
    )


def test_nothing_but_the_file_is_left_behind(stored):
    assert [path.name for path in stored.parent.iterdir()] == [FILE_NAME]


def test_a_failed_write_keeps_the_old_file(corpora, stored, monkeypatch):
    before = stored.read_bytes()

    def fail_half_way(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail_half_way)
    with pytest.raises(OSError, match="No space"):
        save_corpora(_with_train(corpora, corpora.splits["analysis.fit"]), stored.parent)
    assert (stored.read_bytes(), len(list(stored.parent.iterdir()))) == (before, 1)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MechvalError, match=f"{tmp_path / FILE_NAME} is missing"):
        load_corpora(tmp_path, PROBLEM)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_refused_by_name(stored, kept):
    stored.write_bytes(stored.read_bytes()[:kept])
    with pytest.raises(MechvalError, match=f"{stored} is not a dataset"):
        load_corpora(stored.parent, PROBLEM)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_one_flipped_bit_is_refused_by_name(stored, share):
    content = bytearray(stored.read_bytes())
    header_bytes = 8 + int.from_bytes(content[:8], "little")
    content[header_bytes + int(share * (len(content) - header_bytes))] ^= 1
    stored.write_bytes(content)
    with pytest.raises(MechvalError, match=f"{stored} is not a dataset .*sha256"):
        load_corpora(stored.parent, PROBLEM)


@pytest.mark.parametrize(
    "metadata",
    [None, {"mechval": "{"}, {"mechval": "{}"}, {"other": "1"}, {"mechval": "[" * 100_000}],
    ids=lambda metadata: str(metadata)[:20],
)
def test_a_foreign_safetensors_file_is_refused_by_name(tmp_path, metadata):
    path = tmp_path / FILE_NAME
    safetensors.numpy.save_file({"weights": np.zeros(3)}, path, metadata=metadata)
    with pytest.raises(MechvalError, match=f"{path} is not a dataset"):
        load_corpora(tmp_path, PROBLEM)


def test_a_file_without_one_of_the_splits_is_refused_by_name(stored):
    content = stored.read_bytes()
    tensors = safetensors.numpy.load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    del tensors["analysis.test.clause_ids"]
    safetensors.numpy.save_file(tensors, stored, metadata=header["__metadata__"])
    with pytest.raises(MechvalError, match=f"{stored} .*analysis.test.clause_ids cannot be read"):
        load_corpora(stored.parent, PROBLEM)


def test_a_file_of_another_problem_is_refused(stored):
    other = Problem(n_variables=4, n_clauses=6)
    message = "holds formulas of 6 clauses over 3 variables; allowed: 6 clauses over 4 variables"
    with pytest.raises(MechvalError, match=message):
        load_corpora(stored.parent, other)


def test_a_clause_id_beyond_the_problem_is_refused(corpora, tmp_path):
    train = corpora.splits["training.train"]
    clause_ids = train.clause_ids.copy()
    clause_ids[5, 2] = 12
    save_corpora(_with_train(corpora, Split(clause_ids, train.satisfiable)), tmp_path)
    with pytest.raises(MechvalError, match=r"training\.train has a clause id beyond 11"):
        load_corpora(tmp_path, PROBLEM)


def test_an_unbalanced_split_is_refused(corpora, tmp_path):
    train = corpora.splits["training.train"]
    satisfiable = train.satisfiable.copy()
    satisfiable[0] = not satisfiable[0]
    save_corpora(_with_train(corpora, Split(train.clause_ids, satisfiable)), tmp_path)
    with pytest.raises(MechvalError, match=r"training\.train is not balanced"):
        load_corpora(tmp_path, PROBLEM)


def test_formulas_with_a_clause_missing_are_refused(corpora, tmp_path):
    train = corpora.splits["training.train"]
    short = Split(train.clause_ids[:, 1:], train.satisfiable)
    save_corpora(_with_train(corpora, short), tmp_path)
    with pytest.raises(MechvalError, match=r"training\.train has clause ids of shape"):
        load_corpora(tmp_path, PROBLEM)


def test_too_few_labels_are_refused(stored):
    _replace_tensor(stored, "training.train.satisfiable", np.zeros(9, dtype=np.uint8))
    with pytest.raises(MechvalError, match=r"training\.train has labels of shape \(9,\)"):
        load_corpora(stored.parent, PROBLEM)


def test_clause_ids_of_another_type_are_refused(stored):
    _replace_tensor(stored, "training.train.clause_ids", np.zeros((360, 6), dtype=np.int64))
    with pytest.raises(MechvalError, match=r"training\.train has clause ids of"):
        load_corpora(stored.parent, PROBLEM)


def _replace_tensor(path: Path, key: str, array: np.ndarray) -> None:
    """Forge a file whose sha256 are right and whose content is not."""
    content = path.read_bytes()
    tensors = safetensors.numpy.load(content)
    tensors[key] = array
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    facts = json.loads(header["__metadata__"]["mechval"])
    facts["sha256"][key] = hashlib.sha256(array.tobytes()).hexdigest()
    safetensors.numpy.save_file(tensors, path, metadata={"mechval": json.dumps(facts)})
