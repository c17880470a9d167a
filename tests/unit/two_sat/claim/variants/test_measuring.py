"""One pass serves all variants: shared maps run once, and the tables agree with one another."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mechval.axioms import evaluate_axioms
from mechval.reporting.tables import Value
from mechval.two_sat.claim.variants.measuring import COMPARED_CELLS, VariantTables, measure_variants
from tests.unit.two_sat.claim.variants import own_program
from tests.unit.two_sat.claim.variants.own_program import RULE, TEST


@pytest.fixture(scope="module")
def tables() -> VariantTables:
    made = own_program.interpretations()
    broken = [
        replace(each, abstract=(*each.abstract[:1], flipped, each.abstract[2])) for each in made
    ]
    checks = own_program.maker(broken).checks(broken)
    return measure_variants(checks, own_program.batches(), RULE)


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
    evaluate_axioms(
        shared,
        own_program.batches(),
        strata_names=RULE.strata_names,
        mixtures={},
        confidence=0.95,
        constant_label=1,
    )
    assert len(shared) == 4
    assert sum(calls) == len(TEST)


def test_the_tolerance_curve_agrees_with_the_tolerant_checks(tables: VariantTables) -> None:
    curve = {(row.version, row.tolerance): row.disagreements for row in tables.tolerance}
    checked = {
        (row.version, int(row.setting)): row.disagreements
        for row in tables.rows
        if row.family == "wrong neurons" and row.axiom == "prefix equivalence" and row.setting
    }
    assert checked == {key: curve[key] for key in checked}
    assert checked["trees", 0] > checked["trees", 1] > checked["trees", 4] > 0


def test_every_row_has_the_same_columns(tables: VariantTables) -> None:
    columns = {tuple(row.as_row()) for row in tables.rows}
    assert len(columns) == 1
    assert "strata.SAT.epsilon" in next(iter(columns))


def test_programs_are_compared_under_one_equivalence_alone(tables: VariantTables) -> None:
    def compared(cell: str) -> set[Value]:
        return {row.second for row in tables.paired if row.cell == cell}

    graph = "trees/calibrated/resid_mid/rival implication graph"
    assert graph in compared("prefix replaceability/evaluate")
    assert graph not in compared("prefix equivalence/evaluate")


def test_every_pair_of_programs_is_compared_in_each_cell(tables: VariantTables) -> None:
    n_pairs = {cell: sum(row.cell == cell for row in tables.paired) for cell in COMPARED_CELLS}
    assert set(n_pairs.values()) == {6, 10}
