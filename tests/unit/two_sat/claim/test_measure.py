"""One pass serves all variants: shared maps run once, and the tables agree with one another."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mechval.axioms import Axiom, measure_axioms
from mechval.two_sat.claim.measure import COMPARED_CELLS, Measured
from tests.unit.two_sat.claim.variants import own_program
from tests.unit.two_sat.claim.variants.own_program import TEST


@pytest.fixture(scope="module")
def tables() -> Measured:
    made = own_program.interpretations()
    broken = [
        replace(each, abstract=(*each.abstract[:1], flipped, each.abstract[2])) for each in made
    ]
    return own_program.measured(broken)


def flipped(pairs: Tensor) -> Tensor:
    """A program of evaluate that claims as many wrong bits as its first literal's number."""
    bits = torch.zeros(len(pairs), 8, dtype=torch.bool)
    return bits | (torch.arange(8) < pairs[:, :1] // 6)


def test_a_map_that_interpretations_share_runs_once_per_batch() -> None:
    calls: list[int] = []

    def counted(tokens: Tensor) -> Tensor:
        calls.append(len(tokens))
        return parse(tokens)

    made = own_program.interpretations()
    parse = made[0].abstract[0]
    shared = [replace(each, abstract=(counted, *each.abstract[1:])) for each in made]
    measure_axioms(shared, own_program.batches())
    assert len(shared) == 4
    # The few samples that all maps are tried on do not count.
    assert sum(n for n in calls if n > 64) == len(TEST)


def test_the_tolerance_curve_agrees_with_the_tolerant_variants(tables: Measured) -> None:
    curve = {(row.tags["version"], row.tolerance): row.disagreements for row in tables.tolerance}
    tolerant = {
        (row.tags["version"], int(row.tags["setting"])): row.disagreements
        for row in tables.variants
        if row.tags["family"] == "wrong neurons" and row.axiom == Axiom.PREFIX_EQUIVALENCE
    }
    assert tolerant == {key: curve[key] for key in tolerant}
    assert tolerant["trees", 0] > tolerant["trees", 1] > tolerant["trees", 4] > 0


def test_the_main_interpretations_are_no_variants(tables: Measured) -> None:
    mains = {report.interpretation for report in tables.mains}
    assert len(mains) == 4
    assert mains.isdisjoint(row.interpretation for row in tables.variants)


def test_programs_are_compared_under_one_equivalence_alone(tables: Measured) -> None:
    def compared(cell: str) -> set[str]:
        return {row.second for row in tables.paired if row.cell == cell}

    graph = "trees/calibrated/resid_mid/rival/implication graph"
    assert graph in compared("prefix replaceability/evaluate")
    assert graph not in compared("prefix equivalence/evaluate")


def test_every_pair_of_programs_is_compared_in_each_cell(tables: Measured) -> None:
    n_pairs = {cell: sum(row.cell == cell for row in tables.paired) for cell in COMPARED_CELLS}
    assert set(n_pairs.values()) == {6, 10}
