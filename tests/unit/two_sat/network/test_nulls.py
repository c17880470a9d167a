"""Null networks: what they are made from, and that memorising is not learning."""

from pathlib import Path

import numpy as np
import pytest

from mechval.transformer import Architecture, Transformer, named_weights
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import (
    TrainingRun,
    measure_accuracy,
    shuffled_labels,
    train_network,
    untrained_network,
)
from tests.networks import CPU, SMALL_ARCHITECTURE, SMALL_PROBLEM, small_corpora
from tests.settings import PLAIN_RECIPE, changed

RECIPE = changed(
    PLAIN_RECIPE,
    examples=16 * 120,
    batch_size=16,
    optimizer="muon",
    weight_decay=0.0,
    muon_weight_decay=0.0,
    evaluate_every_steps=60,
    evaluation_examples=24,
    precision="float32",
    n_snapshots=1,
)


@pytest.fixture(scope="module")
def train() -> Split:
    return small_corpora(SMALL_PROBLEM, 40, training=400).splits["training.train"]


def equal_weights(first: Transformer, second: Transformer) -> bool:
    theirs = named_weights(second)
    return all(value.equal(theirs[name]) for name, value in named_weights(first).items())


def test_shuffling_moves_labels_and_nothing_else(train: Split) -> None:
    shuffled = shuffled_labels(train, 100, seed=0)
    assert np.array_equal(shuffled.clause_ids, train.clause_ids[:100])
    assert shuffled.satisfiable.sum() == train.satisfiable[:100].sum()
    assert 30 < (shuffled.satisfiable != train.satisfiable[:100]).sum() < 70


def test_the_seed_decides_the_shuffle(train: Split) -> None:
    first, again, other = (shuffled_labels(train, 100, seed).satisfiable for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fewer_formulas_than_asked_for_are_all_used(train: Split) -> None:
    assert len(shuffled_labels(train, 10_000, seed=0)) == len(train)


def test_the_untrained_network_is_the_one_a_training_starts_from() -> None:
    first, again, other = (
        untrained_network(SMALL_PROBLEM, SMALL_ARCHITECTURE, seed) for seed in (0, 0, 1)
    )
    assert equal_weights(first, again)
    assert not equal_weights(first, other)


def test_shuffled_labels_are_memorised_and_say_nothing_about_other_formulas(
    train: Split, tmp_path: Path
) -> None:
    shuffled = shuffled_labels(train, 24, seed=0)
    model = untrained_network(SMALL_PROBLEM, Architecture(d_model=32, d_mlp=64, n_heads=(1, 2)), 0)
    train_network(TrainingRun(model, SMALL_PROBLEM, RECIPE, shuffled, shuffled, 0, tmp_path, CPU))
    assert n_wrong(model, shuffled) == 0
    others = Split(train.clause_ids[24:], train.satisfiable[24:])
    assert n_wrong(model, others) > 0.3 * len(others)


def n_wrong(model: Transformer, split: Split) -> int:
    return measure_accuracy(Components(model, SMALL_PROBLEM), split).wrong_count
