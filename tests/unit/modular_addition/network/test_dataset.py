"""The split: complete, seeded, stored, and refused where it is not one."""

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from mechval.errors import MechvalError
from mechval.modular_addition.configs import DataConfig
from mechval.modular_addition.network.dataset import (
    FILE_NAME,
    Split,
    draw_split,
    load_split,
    save_split,
)
from mechval.modular_addition.problem import ModularAddition
from tests.settings import MODULAR_ADDITION, changed

PROBLEM = ModularAddition(p=11)
CONFIG = changed(MODULAR_ADDITION.data, train_fraction=0.3)


def drawn(seed: int = 0) -> Split:
    return draw_split(PROBLEM, CONFIG, seed)


@given(p=st.integers(5, 30), fraction=st.floats(0.05, 0.95), seed=st.integers(0, 2**32 - 1))
def test_every_input_is_in_exactly_one_part(p: int, fraction: float, seed: int) -> None:
    problem = ModularAddition(p=p)
    split = draw_split(problem, changed(MODULAR_ADDITION.data, train_fraction=fraction), seed)
    assert len(split.train) == int(fraction * p * p)
    assert sorted([*split.train.tolist(), *split.test.tolist()]) == list(range(p * p))


def test_the_sizes_at_the_paper_s_modulus() -> None:
    split = draw_split(ModularAddition(p=113), MODULAR_ADDITION.data, 0)
    assert (len(split.train), len(split.test)) == (3830, 8939)


def test_a_seed_gives_one_split_and_another_seed_another() -> None:
    assert drawn(3).train.equal(drawn(3).train)
    assert not drawn(3).train.equal(drawn(4).train)


@pytest.mark.parametrize("seed", [0, 1, 598])
def test_the_draw_is_the_one_of_the_original_code(seed: int) -> None:
    # It shuffles the triples (a, b, p) with Python's global generator and takes the first.
    p = PROBLEM.p
    triples = [(a, b, p) for a in range(p) for b in range(p)]
    random.Random(seed).shuffle(triples)
    n_train = int(0.3 * len(triples))
    assert drawn(seed).train.tolist() == sorted(a * p + b for a, b, _ in triples[:n_train])


@pytest.mark.parametrize(
    ("fraction", "left"), [(0.001, "0 of 121 inputs"), (1 - 1e-18, "121 of 121 inputs")]
)
def test_a_fraction_that_leaves_a_part_empty_is_refused(fraction: float, left: str) -> None:
    config = DataConfig.model_construct(train_fraction=fraction)
    with pytest.raises(MechvalError, match=rf"data\.train_fraction=.* leaves {left}.*allowed: "):
        draw_split(PROBLEM, config, 0)


def test_a_stored_split_comes_back_and_the_same_split_gives_the_same_bytes(tmp_path: Path) -> None:
    first = save_split(drawn(), PROBLEM, tmp_path / "first")
    second = save_split(drawn(), PROBLEM, tmp_path / "second")
    loaded = load_split(tmp_path / "first", PROBLEM)
    assert loaded.train.equal(drawn().train)
    assert loaded.test.equal(drawn().test)
    assert first.read_bytes() == second.read_bytes()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="is missing; allowed"):
        load_split(tmp_path, PROBLEM)


def test_a_split_for_another_modulus_is_refused(tmp_path: Path) -> None:
    save_split(drawn(), PROBLEM, tmp_path)
    with pytest.raises(MechvalError, match=r"holds a split for p=11; allowed: p=13\."):
        load_split(tmp_path, ModularAddition(p=13))


def test_a_split_that_leaks_is_refused(tmp_path: Path) -> None:
    split = drawn()
    leaking = Split(train=torch.cat([split.train, split.test[:1]]), test=split.test)
    save_split(leaking, PROBLEM, tmp_path)
    with pytest.raises(MechvalError, match="its parts are not all inputs, each once"):
        load_split(tmp_path, PROBLEM)


DEEP = save({"train": torch.arange(3)}, {"mechval": "[" * 100_000})


@pytest.mark.parametrize("content", [b"", b"not a tensor file", DEEP], ids=["", "text", "deep"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(MechvalError, match="it cannot be read"):
        load_split(tmp_path, PROBLEM)


def test_a_foreign_tensor_file_is_refused(tmp_path: Path) -> None:
    save_file({"train": torch.arange(3), "test": torch.arange(3)}, tmp_path / FILE_NAME)
    with pytest.raises(MechvalError, match="it cannot be read"):
        load_split(tmp_path, PROBLEM)
