"""Restricted and excluded loss over a training: the right frequencies at every snapshot."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.losses import (
    LOSS_POINTS,
    LossPoint,
    loss_point,
    losses_over_training,
)
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer
from tests.settings import MODULAR_ADDITION
from tests.unit.modular_addition.circuit.test_extract import random_network
from tests.waves import wave_network

PROBLEM = ModularAddition(p=23)
FREQUENCIES = (2, 5, 9)
SPLIT = draw_split(PROBLEM, MODULAR_ADDITION.data, 0)
EARLY, LATE = Snapshot("training", 0, 0), Snapshot("training", 8, 8 * len(SPLIT.train))


def losses_of(networks: dict[Snapshot, Transformer]) -> list[LossPoint]:
    loaders = {snapshot: lambda model=model: model for snapshot, model in networks.items()}
    return losses_over_training(loaders, PROBLEM, SPLIT, MODULAR_ADDITION.circuit)


def shown(frequencies: Sequence[int]) -> LossPoint:
    logits = record_activations(wave_network(PROBLEM, FREQUENCIES), PROBLEM).logits
    return loss_point(FINAL, PROBLEM, logits, torch.tensor(frequencies), SPLIT)


@pytest.fixture(scope="module")
def points() -> list[LossPoint]:
    final = wave_network(PROBLEM, FREQUENCIES)
    noisy = wave_network(PROBLEM, FREQUENCIES, noise=0.5)
    return losses_of({EARLY: noisy, LATE: final, FINAL: final})


def test_every_snapshot_is_judged_by_the_frequencies_of_the_final_network(
    points: list[LossPoint],
) -> None:
    assert [point.step for point in points] == [0, 8, None]
    assert {point.key_frequencies for point in points} == {FREQUENCIES}
    early, late, final = ((point.loss["train"], point.loss["excluded"]) for point in points)
    assert early != late == final


def test_losses_tell_the_networks_frequencies_from_others() -> None:
    right, wrong = shown(FREQUENCIES), shown([1, 3, 4])
    chance = torch.tensor(float(PROBLEM.p)).log().item()
    assert right.loss["restricted"] < 0.1 * chance < right.loss["excluded"]
    assert wrong.loss["restricted"] > 0.9 * chance
    assert wrong.loss["excluded"] == pytest.approx(wrong.loss["train"], rel=0.01)


def test_a_network_without_key_frequencies_has_no_losses_to_follow() -> None:
    assert losses_of({FINAL: random_network()}) == []


def test_the_table_gives_the_points_back(points: list[LossPoint], tmp_path: Path) -> None:
    LOSS_POINTS.write(points, tmp_path)
    found = LOSS_POINTS.read(tmp_path)
    assert [point.key_frequencies for point in found] == [FREQUENCIES] * 3
    assert [point.loss["excluded"] for point in found] == pytest.approx(
        [point.loss["excluded"] for point in points]
    )
