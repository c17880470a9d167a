"""The reports as declared tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from mechval.axioms import CELLS, INTERPRETATIONS, AxiomReport, Estimate, EvidenceKind
from mechval.errors import MechvalError
from tests.unit.axioms import toy


def tagged_report() -> AxiomReport:
    tags = {"version": "trees", "reading": "paper"}
    interpretation = replace(toy.make_toy(), name="trees/paper", tags=tags)
    return toy.evaluate_toy(interpretation)


def test_cells_come_back_from_their_table(tmp_path: Path) -> None:
    report = tagged_report()
    CELLS.write(report.cells, tmp_path)
    found = CELLS.read(tmp_path)
    assert len(found) == len(report.cells)
    for cell, read in zip(report.cells, found, strict=True):
        told = ("interpretation", "tags", "axiom", "component", "repeats", "kind", "verdict")
        assert [getattr(read, name) for name in told] == [getattr(cell, name) for name in told]
        assert (read.n, read.disagreements) == (cell.n, cell.disagreements)
        assert read.epsilon == pytest.approx(cell.epsilon, rel=1e-6)
        assert {name: part.disagreements for name, part in read.strata.items()} == {
            name: part.disagreements for name, part in cell.strata.items()
        }
        assert read.mixtures.keys() == cell.mixtures.keys()


def test_tags_are_columns_of_their_own(tmp_path: Path) -> None:
    CELLS.write(tagged_report().cells, tmp_path)
    header = (tmp_path / "axioms.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    first = ["interpretation", "tags.version", "tags.reading", "axiom", "component", "n"]
    assert header[: len(first)] == first
    assert "axiom_name" not in header


def test_a_report_is_its_own_row_of_interpretations(tmp_path: Path) -> None:
    report = tagged_report()
    INTERPRETATIONS.write([report], tmp_path)
    (found,) = INTERPRETATIONS.read(tmp_path)
    assert (found.interpretation, found.tags) == (report.interpretation, report.tags)
    assert found.constant.disagreements == report.constant.disagreements
    assert found.inclusion_violations == report.inclusion_violations


def test_a_cell_holds_counts_per_stratum_and_mixture() -> None:
    mixtures = {"balanced": {"low": 0.5, "high": 0.5}}
    cell = toy.evaluate_toy(toy.make_toy(), mixtures=mixtures).cells[2]
    assert (cell.name, cell.is_distinct, cell.n) == ("prefix equivalence/output", True, toy.N)
    assert cell.strata["low"].disagreements == toy.a + toy.b
    assert cell.mixtures["balanced"].rate == pytest.approx(cell.rate)
    assert cell.constant_rate == 103 / toy.N


def test_a_name_that_is_not_that_of_the_tags_is_refused() -> None:
    with pytest.raises(MechvalError, match="joins them, 'trees'"):
        replace(toy.make_toy(), name="other", tags={"version": "trees"})


def test_an_estimate_is_made_from_its_counts() -> None:
    estimate = Estimate.of(0, 80_001, 0.95)
    assert (estimate.rate, estimate.kind) == (0.0, EvidenceKind.SAMPLED)
    assert f"{estimate.epsilon:.2e}" == "3.74e-05"
    exact = Estimate.of(1, 4, 0.95).over_whole_domain()
    assert (exact.epsilon, exact.kind) == (0.25, EvidenceKind.EXACT)
