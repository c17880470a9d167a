"""Restricted and excluded loss over a training: the right frequencies, tables and verification."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from mechval.axioms.progress import FINAL, Snapshot
from mechval.modular_addition.circuit.loss_progress import (
    FIGURE,
    measure_losses,
    rewrite_losses,
    shown_losses,
    write_losses,
)
from mechval.modular_addition.configs import CircuitConfig, DataConfig
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.report.report_tables import LOSS_POINTS
from mechval.reporting.tables import Row, read_csv
from mechval.transformer import Transformer
from tests.unit.modular_addition.circuit.test_extract import random_network
from tests.waves import wave_network

PROBLEM = ModularAddition(p=23)
FREQUENCIES = (2, 5, 9)
SPLIT = draw_split(PROBLEM, DataConfig(), 0)
CPU = torch.device("cpu")
EARLY, LATE = Snapshot("training", 0, 0), Snapshot("training", 8, 8 * len(SPLIT.train))


def losses_of(networks: dict[Snapshot, Transformer]) -> list[Row]:
    loaders = {snapshot: lambda model=model: model for snapshot, model in networks.items()}
    return measure_losses(loaders, PROBLEM, SPLIT, circuit=CircuitConfig(), device=CPU)


def shown(frequencies: Sequence[int]) -> Row:
    logits = record_activations(wave_network(PROBLEM, FREQUENCIES), PROBLEM, CPU).logits
    return shown_losses(PROBLEM, logits, torch.tensor(frequencies), SPLIT)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    final = wave_network(PROBLEM, FREQUENCIES)
    noisy = wave_network(PROBLEM, FREQUENCIES, noise=0.5)
    return losses_of({EARLY: noisy, LATE: final, FINAL: final})


def test_every_snapshot_is_judged_by_the_frequencies_of_the_final_network(rows: list[Row]) -> None:
    assert [row["step"] for row in rows] == [0, 8, None]
    assert {row["key_frequencies"] for row in rows} == {"2 5 9"}
    early, late, final = ({k: v for k, v in row.items() if k.endswith("_loss")} for row in rows)
    assert early != late == final


def test_losses_tell_the_networks_frequencies_from_others() -> None:
    right, wrong = shown(FREQUENCIES), shown([1, 3, 4])
    chance = torch.tensor(float(PROBLEM.p)).log().item()
    assert float(str(right["restricted_loss"])) < 0.1 * chance < float(str(right["excluded_loss"]))
    assert float(str(wrong["restricted_loss"])) > 0.9 * chance
    assert float(str(wrong["excluded_loss"])) == pytest.approx(
        float(str(wrong["train_loss"])), rel=0.01
    )


def test_a_network_without_key_frequencies_has_no_table(tmp_path: Path) -> None:
    rows = losses_of({FINAL: random_network()})
    write_losses(rows, tmp_path, "inputs seen")
    assert not rows
    assert not list(tmp_path.iterdir())


def test_without_snapshots_there_is_a_table_and_no_figure(rows: list[Row], tmp_path: Path) -> None:
    write_losses(rows[-1:], tmp_path, "inputs seen")
    assert [path.name for path in tmp_path.rglob("*")] == [LOSS_POINTS]


def test_a_changed_row_is_measured_again_and_lost_snapshots_are_kept(
    rows: list[Row], tmp_path: Path
) -> None:
    finished, again = tmp_path / "finished", tmp_path / "again"
    finished.mkdir()
    again.mkdir()
    write_losses(rows, finished, "inputs seen")
    honest = read_csv(finished / LOSS_POINTS)
    tampered = [*rows[:1], {**rows[1], "excluded_loss": 0.25}, *rows[2:]]
    write_losses(tampered, finished, "inputs seen")
    rewrite_losses(rows[1:], finished, again, "inputs seen")
    assert read_csv(finished / LOSS_POINTS) != honest
    assert read_csv(again / LOSS_POINTS) == honest
    assert (again / "figures" / f"{FIGURE}.svg").is_file()


def test_a_run_without_the_table_is_verified_without_it(rows: list[Row], tmp_path: Path) -> None:
    finished, again = tmp_path / "finished", tmp_path / "again"
    finished.mkdir()
    again.mkdir()
    rewrite_losses(rows, finished, again, "inputs seen")
    assert not list(again.iterdir())
