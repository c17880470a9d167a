"""Counts judged at one confidence and then at another are those judged at the other at once."""

import pytest
import torch

from mechval.axioms import AxiomReport, Interpretation, Verdict, judge_cells
from tests.unit.axioms import toy

MIXTURES = {"even": {"low": 0.5, "high": 0.5}, "natural": {"low": 0.75, "high": 0.25}}
CLAIMS = {
    "fair": toy.make_toy(),
    "poor": toy.with_map(toy.make_toy(), "abstract", 0, lambda number: number // 3 % 2),
    "constant": toy.with_map(toy.make_toy(), "abstract", 2, lambda bit: bit * 0 + 1),
}


def judged(claim: Interpretation, confidence: float) -> AxiomReport:
    """Mostly even numbers, so that another sample's state is often right, and 0 seldom."""
    numbers = torch.cat([torch.arange(0, toy.N, 2), torch.arange(1, toy.N, 8)])
    batches = toy.make_batches(inputs=numbers)
    return toy.evaluate_toy(
        claim, batches, mixtures=MIXTURES, confidence=confidence, constant_label=0
    )


@pytest.mark.parametrize("after", [0.05, 0.5, 0.99, 1 - 1e-15])
@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_counts_judged_anew_are_those_judged_at_once(claim: Interpretation, after: float) -> None:
    before, expected = judged(claim, 0.95), judged(claim, after)
    row = before.at(after)
    found = judge_cells(before.cells, before.shuffled, row, MIXTURES)
    assert found == ([*expected.cells], [*expected.shuffled])
    assert (row.confidence, row.constant) == (after, expected.constant)


def test_the_verdict_of_the_same_counts_depends_on_the_confidence() -> None:
    lenient, strict = (
        {cell.verdict for claim in CLAIMS.values() for cell in judged(claim, confidence).cells}
        for confidence in (0.05, 1 - 1e-15)
    )
    assert lenient == {Verdict.NOT_JUDGED, Verdict.BETTER}
    assert strict == {Verdict.NOT_JUDGED, Verdict.NOT_BETTER, Verdict.SHUFFLED_PASSES}
