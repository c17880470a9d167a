"""The smallest formulas, and truth tables of four words, go through every stage."""

from pathlib import Path

import pytest

from tests.end_to_end.commands import SMALL, run_commands
from tests.settings import STAGES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("n_variables", "n_clauses"), [(3, 4), (8, 8)])
def test_a_corner_of_the_allowed_sizes_finishes_all_stages(
    tmp_path: Path, n_variables: int, n_clauses: int
) -> None:
    words = (
        "+stage=all",
        *SMALL,
        f"problem.n_variables={n_variables}",
        f"problem.n_clauses={n_clauses}",
        "data.training_formulas=300",
        "data.analysis_formulas=120",
        "data.selection_fraction=0.2",
        "nulls.formulas=120",
        "progress.formulas=120",
        "partial.formulas=40",
        "improved.formulas=72",
        "certify.parsing.max_branches=0",
        "certify.drift_formulas=2",
    )
    (answer,) = run_commands(tmp_path, [words])
    assert answer.code == 0, answer.stderr
    finished = {path.parent.name for path in tmp_path.glob("results/two_sat/small/*/manifest.json")}
    assert finished == {*STAGES}
    ledger = (tmp_path / "results/two_sat/small/certify/ledger.csv").read_text(encoding="utf-8")
    assert ("multisets of clauses, about" in ledger) is (n_variables == 8)
