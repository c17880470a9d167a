"""Rows are flat and plain; disagreement files come back whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from mechval.axioms import (
    AxiomReport,
    cell_rows,
    load_disagreements,
    report_row,
    save_disagreements,
)
from mechval.errors import MechvalError
from tests.unit.axioms import toy

MIXTURES = {"balanced": {"low": 0.5, "high": 0.5}}


@pytest.fixture(scope="module")
def report() -> AxiomReport:
    return toy.evaluate_toy(toy.make_toy(), mixtures=MIXTURES)


def test_rows_are_plain_values_that_json_keeps(report: AxiomReport) -> None:
    rows = [*cell_rows(report), report_row(report)]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_all_cells_have_the_same_keys(report: AxiomReport) -> None:
    assert len({tuple(row) for row in cell_rows(report)}) == 1


def test_a_cell_row_holds_counts_per_stratum_and_mixture(report: AxiomReport) -> None:
    row = cell_rows(report)[2]
    shown = {
        key: row[key]
        for key in ("axiom", "component", "is_distinct", "n", "stratum.low.disagreements")
    }
    assert shown == {
        "axiom": 1,
        "component": "output",
        "is_distinct": True,
        "n": toy.N,
        "stratum.low.disagreements": toy.a + toy.b,
    }
    assert row["mixture.balanced.rate"] == pytest.approx(row["rate"])


def test_the_report_row_shows_baseline_and_inclusion(report: AxiomReport) -> None:
    row = report_row(report)
    assert (row["constant.disagreements"], row["inclusion_violations.output"]) == (103, 0)


def test_disagreements_survive_the_file(report: AxiomReport, tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_disagreements(report, path)
    assert torch.equal(load_disagreements(path).disagreements, report.disagreements)


def test_a_number_of_samples_that_fills_no_byte_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    batches = toy.make_batches(inputs=torch.arange(95, 106))
    report = toy.evaluate_toy(toy.make_toy(), batches)
    save_disagreements(report, path)
    assert torch.equal(load_disagreements(path).disagreements, report.disagreements)


def test_the_file_names_interpretation_and_cells(report: AxiomReport, tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_disagreements(report, path)
    loaded = load_disagreements(path)
    assert (loaded.interpretation, loaded.cells[0]) == ("toy", "prefix equivalence/parse")


def test_the_same_report_gives_the_same_bytes(report: AxiomReport, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.safetensors" for number in range(5)]
    for path in paths:
        save_disagreements(report, path)
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize("kept", [0, 5, 40, -1])
def test_a_truncated_file_is_refused(report: AxiomReport, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "toy.safetensors"
    save_disagreements(report, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MechvalError, match=r"toy.safetensors cannot be read"):
        load_disagreements(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="cannot be read"):
        load_disagreements(tmp_path / "absent.safetensors")


HEADER = {"interpretation": "toy", "cells": ["one"], "n_samples": 9}
BITS = np.zeros((1, 2), dtype=np.uint8)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"bits": BITS}, None),
        ({"weight": BITS}, HEADER),
        ({"bits": BITS[:, :1]}, HEADER),
        ({"bits": BITS.astype(np.int64)}, HEADER),
        ({"bits": BITS}, HEADER | {"n_samples": -9}),
        ({"bits": BITS}, {"cells": ["one"]}),
    ],
    ids=["no header", "other tensor", "too few bytes", "other type", "negative", "incomplete"],
)
def test_another_kind_of_file_is_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], metadata: dict | None
) -> None:
    path = tmp_path / "other.safetensors"
    header = {"disagreements": json.dumps(metadata)} if metadata else None
    path.write_bytes(save(tensors, metadata=header))
    with pytest.raises(MechvalError, match="cannot be read"):
        load_disagreements(path)
