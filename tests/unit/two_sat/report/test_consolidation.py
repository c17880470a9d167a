"""How a network became one that can be proved, and what changed, told from committed tables."""

from pathlib import Path

import numpy as np
import pytest

from mechval.reporting.report import RunFiles
from mechval.two_sat.certify.theorem.theorem import THEOREM
from mechval.two_sat.consolidate.curve import CURVE
from mechval.two_sat.report import consolidated, network_sections, page
from mechval.two_sat.report.figures.theorem import draw_consolidation
from tests.settings import TWO_SAT

RESULTS = Path(__file__).resolve().parents[4] / "results"
PROVED, REFERENCE = (RESULTS / "two_sat" / name for name in ("proved", "reference"))


@pytest.mark.parametrize(
    ("folder", "n_phases"),
    [(PROVED / "consolidate", 3), (RESULTS / "theorems/proved-n6-m12", 1)],
    ids=["from weights", "from scratch"],
)
def test_the_phases_stand_one_after_the_other(folder: Path, n_phases: int) -> None:
    curve = CURVE.read(folder)
    last = {row.phase: row.step for row in curve}
    *_, worst = draw_consolidation(curve).axes
    steps = np.asarray(worst.lines[0].get_xdata())
    assert len(last) == n_phases
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == sum(last.values())


def test_only_a_consolidated_network_has_the_section() -> None:
    assert TWO_SAT.consolidate is None
    assert network_sections.consolidation(RunFiles(TWO_SAT, 0, {})) is None


def test_heads_had_clauses_of_their_own_and_average_now() -> None:
    before, after = (consolidated.Mechanism.of(RunFiles.of(run)) for run in (REFERENCE, PROVED))
    assert min(before.ratios) > 5
    assert max(after.ratios) < 1.01
    assert (before.n_against, after.n_against) == (1, 0)
    assert before.constants < 0.5 < 0.999 < after.constants


def test_a_page_says_that_its_network_is_proved_and_of_which_nothing_is() -> None:
    theorem = THEOREM.read(PROVED / "certify")
    told = consolidated.told_theorem(theorem, "Proved: this network")
    assert "answers every one of the 10,485,760,000,000,000 formulas rightly" in told
    for run, is_proved in ((PROVED, True), (REFERENCE, False)):
        files = RunFiles(TWO_SAT, 0, RunFiles.of(run).directories)
        assert (page.PAGE.claim(files)[-1] == told) is is_proved
