"""p beside ε: of known rates, for runs that null networks fit and for those that they do not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mechval.axioms import Estimate
from mechval.axioms.nulls import NULL_CELLS
from mechval.errors import MechvalError
from mechval.instruments.null_networks import null_cell
from mechval.reporting.null_rates import FILES, NULL_RATES, NullConditions, PValues, p_values, ship
from mechval.reporting.report import RunFiles, paragraphs
from tests.settings import MODULAR_ADDITION, TWO_SAT

ROOT = Path(__file__).resolve().parents[3]
N = 100
MEASURED = {
    "two_sat": ROOT / "results/instruments/nulls",
    "modular_addition": ROOT / "results/instruments/modular_addition/nulls",
}


def cell(count: int, name: str = "prefix equivalence", **changed: Any) -> Any:
    row = null_cell(Estimate.of(count, N, 0.95), "toy", "parse", name)
    return type(row)(**{**vars(row), **changed})


def shipped(folder: Path, counts: range, settings: Any = TWO_SAT) -> PValues:
    """Null networks of the reference's size that disagree so often, beside a run."""
    nulls = [cell(count, family="untrained", network=str(count)) for count in counts]
    problem = TWO_SAT.problem.model_dump(mode="json")
    ship(nulls, NullConditions(settings={"problem": problem}, fit=3, test=N), folder)
    return p_values(RunFiles(settings, 0, {}), folder)


def p_of(values: PValues, row: Any) -> str:
    ((title, of),) = values.column(lambda each: each.cell)
    assert title == "p (untrained)"
    assert callable(of)
    return of(row).text


def test_p_counts_the_networks_that_disagree_no_more_often(tmp_path: Path) -> None:
    values = shipped(tmp_path, range(1, 21))
    assert p_of(values, cell(0)) == "0.0476"
    assert p_of(values, cell(4)) == "0.238"
    assert p_of(values, cell(99)) == "1.00"
    (told,) = paragraphs("mechval.reporting", "null_rates.md", p=values)
    assert "Networks, untrained: 20, 0 without a claim." in told


def test_a_cell_that_null_networks_do_not_have_has_no_p(tmp_path: Path) -> None:
    values = shipped(tmp_path, range(1, 21))
    assert p_of(values, cell(0, "another cell")) == ""
    assert p_of(values, cell(0, interpretation="other")) == ""


def test_a_run_of_another_size_is_told_why_it_has_no_p(tmp_path: Path) -> None:
    other = TWO_SAT.problem.model_copy(update={"n_clauses": 9})
    values = shipped(tmp_path, range(20), SimpleNamespace(problem=other))
    assert values.refusal == "null networks were measured with another problem"
    assert values.column(str) == []
    assert values.in_short([]) is None


def test_too_few_null_networks_give_no_p(tmp_path: Path) -> None:
    values = shipped(tmp_path, range(18))
    assert values.refusal.startswith("the null distribution has 18 networks; allowed: at least 19")
    assert values.column(str) == []


@pytest.mark.parametrize("name", FILES)
def test_a_table_that_is_missing_or_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    shipped(tmp_path, range(20))
    text = (tmp_path / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text[:-2], encoding="utf-8")
    with pytest.raises(MechvalError, match=name):
        p_values(RunFiles(TWO_SAT, 0, {}), tmp_path)


@pytest.mark.parametrize("settings", [TWO_SAT, MODULAR_ADDITION])
def test_what_comes_with_a_study_is_what_was_measured(settings: Any, tmp_path: Path) -> None:
    study = "two_sat" if settings is TWO_SAT else "modular_addition"
    package = ROOT / "src" / "mechval" / study / "report"
    values = p_values(RunFiles(settings, 0, {}), package)
    assert not values.refusal
    (measured,) = MEASURED[study].iterdir()
    ship(NULL_CELLS.read(measured), values.conditions, tmp_path)
    assert NULL_RATES.read(tmp_path) == NULL_RATES.read(package)
