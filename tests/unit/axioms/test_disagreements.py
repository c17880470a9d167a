"""The disagreements of a run come back whole or not at all, from one file as small as it can be."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save

from mechval.axioms import DISAGREEMENTS, AxiomReport, load_disagreements, save_disagreements
from mechval.errors import MechvalError
from tests.unit.axioms import toy


@pytest.fixture(scope="module")
def report() -> AxiomReport:
    return toy.evaluate_toy(toy.make_toy())


def assert_is_read_back(report: AxiomReport, directory: Path) -> None:
    found = load_disagreements(directory)[report.interpretation]
    assert [*found] == [cell.name for cell in report.cells]
    assert all(map(torch.equal, found.values(), report.disagreements.values()))


def test_disagreements_survive_the_file(report: AxiomReport, tmp_path: Path) -> None:
    save_disagreements([report], tmp_path)
    assert_is_read_back(report, tmp_path)


def test_several_interpretations_share_one_file(report: AxiomReport, tmp_path: Path) -> None:
    turned = {cell: ~disagrees for cell, disagrees in report.disagreements.items()}
    other = replace(report, interpretation="other", disagreements=turned)
    save_disagreements([report, other], tmp_path)
    assert_is_read_back(report, tmp_path)
    assert_is_read_back(other, tmp_path)


def test_a_number_of_samples_that_fills_no_byte_survives_the_file(tmp_path: Path) -> None:
    batches = toy.make_batches(inputs=torch.arange(95, 106))
    report = toy.evaluate_toy(toy.make_toy(), batches)
    save_disagreements([report], tmp_path)
    assert_is_read_back(report, tmp_path)


def test_equal_cells_are_stored_once(report: AxiomReport, tmp_path: Path) -> None:
    save_disagreements([report, replace(report, interpretation="again")], tmp_path)
    with safe_open(tmp_path / DISAGREEMENTS, framework="numpy") as file:
        assert len(file.get_tensor("bits")) == len(
            torch.stack([*report.disagreements.values()]).unique(dim=0)
        )


def test_the_same_report_gives_the_same_bytes(report: AxiomReport, tmp_path: Path) -> None:
    contents = set()
    for _ in range(5):
        save_disagreements([report], tmp_path)
        contents.add((tmp_path / DISAGREEMENTS).read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("kept", [0, 5, 40, -1])
def test_a_truncated_file_is_refused(report: AxiomReport, tmp_path: Path, kept: int) -> None:
    save_disagreements([report], tmp_path)
    path = tmp_path / DISAGREEMENTS
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MechvalError, match=r"disagreements.safetensors cannot be read"):
        load_disagreements(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="cannot be read"):
        load_disagreements(tmp_path)


HEADER = {"rows": {"toy": {"one": 0}}, "n_samples": 9}
BITS = np.zeros((1, 2), dtype=np.uint8)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"bits": BITS}, None),
        ({"weight": BITS}, HEADER),
        ({"bits": BITS[:, :1]}, HEADER),
        ({"bits": BITS.astype(np.int64)}, HEADER),
        ({"bits": BITS}, HEADER | {"n_samples": -9}),
        ({"bits": BITS}, {"rows": {"toy": {"one": 0}}}),
        ({"bits": BITS}, HEADER | {"rows": {"toy": {"one": 1}}}),
    ],
    ids=[
        *("no header", "other tensor", "too few bytes", "other type", "negative", "incomplete"),
        "no such row",
    ],
)
def test_another_kind_of_file_is_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], metadata: dict | None
) -> None:
    header = {"disagreements": json.dumps(metadata)} if metadata else None
    (tmp_path / DISAGREEMENTS).write_bytes(save(tensors, metadata=header))
    with pytest.raises(MechvalError, match="cannot be read"):
        load_disagreements(tmp_path)
