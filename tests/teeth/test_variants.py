"""Variants of a network that is its own program: each disagrees exactly where it must."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mechval.two_sat.claim.measure import Measured, measure
from mechval.two_sat.claim.variants.noise import NoisyParser, noise_replacements
from mechval.two_sat.claim.variants.variant import ALL_CELLS, VariantRow, ordered_clauses
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.formulas.truth_tables import literal_pair_truth
from tests.settings import TWO_SAT, changed
from tests.unit.two_sat.claim.variants import own_program
from tests.unit.two_sat.claim.variants.own_program import FIT, PROBLEM, TEST

NOISE = 0.2
CONFIG = changed(TWO_SAT.variants, noise_probability=NOISE)
N_SATISFIABLE = int(TEST.satisfiable.sum())
REPLACED = ("prefix replaceability/evaluate", "component replaceability/evaluate")


@pytest.fixture(scope="module")
def tables() -> Measured:
    return own_program.measured(own_program.interpretations(), CONFIG)


def rows(tables: Measured, family: str, setting: str, version: str) -> list[VariantRow]:
    wanted = {"version": version, "family": family} | ({"setting": setting} if setting else {})
    return [row for row in tables.variants if wanted.items() <= row.tags.items()]


def counts(tables: Measured, family: str, setting: str, version: str) -> dict[str, int]:
    """Disagreements by cell; variants with several residuals must agree on them."""
    found = rows(tables, family, setting, version)
    assert found
    by_cell = {row.name: row.disagreements for row in found}
    assert all(by_cell[row.name] == row.disagreements for row in found)
    return by_cell


@pytest.mark.parametrize("version", ["trees", "disjunction"])
def test_the_main_interpretations_hold_without_exception(tables: Measured, version: str) -> None:
    reports = [report for report in tables.mains if report.tags["version"] == version]
    assert {cell.disagreements for report in reports for cell in report.cells} == {0}


@pytest.mark.parametrize("setting", ["2", "calibrated"])
def test_a_high_value_above_the_cut_changes_nothing(tables: Measured, setting: str) -> None:
    assert counts(tables, "high", setting, "trees") == dict.fromkeys(REPLACED, 0)


def test_a_high_value_below_the_cut_loses_every_satisfiable_formula(tables: Measured) -> None:
    found = counts(tables, "high", "0.5", "trees")
    assert found == dict.fromkeys(REPLACED, N_SATISFIABLE)


def test_a_parse_that_swaps_literals_fails_where_order_counts_alone() -> None:
    right = own_program.interpretations()[0]
    n = PROBLEM.n_literals
    parse, *others = right.concrete
    swapped = replace(
        right,
        concrete=(lambda tokens: right.gammas[1](swap(right.alphas[1](parse(tokens)), n)), *others),
    )
    strict = ordered_clauses(swapped, PROBLEM.n_clauses)
    judged = measure([swapped], [strict], own_program.batches(), own_program.RULE)
    loose = {cell.name: cell.disagreements for cell in judged.mains[0].cells}
    assert {row.disagreements for row in judged.variants} == {len(TEST)}
    assert loose["prefix equivalence/output"] == 0


def swap(pairs: Tensor, n_literals: int) -> Tensor:
    return pairs % n_literals * n_literals + pairs // n_literals


def test_a_parse_in_order_passes_where_order_counts(tables: Measured) -> None:
    assert set(counts(tables, "ordered clauses", "", "trees").values()) == {0}


@pytest.fixture(scope="module")
def noised() -> tuple[Tensor, Tensor]:
    """Pairs of the test formulas before and after the noise from all ordered pairs."""
    parse = own_program.interpretations()[0].abstract[0]
    tokens = encode_formulas(PROBLEM, torch.from_numpy(TEST.clause_ids))
    noisy = NoisyParser(parse, noise_replacements(PROBLEM, "pairs"), NOISE, 0)
    return parse(tokens), noisy.program(tokens)


def test_noise_breaks_parse_where_it_wrote_another_clause(
    tables: Measured, noised: tuple[Tensor, Tensor]
) -> None:
    clean, noisy = noised
    is_same = (noisy == clean) | (noisy == swap(clean, PROBLEM.n_literals))
    n_changed = int((~is_same).any(dim=1).sum())
    found = counts(tables, "noise", "pairs", "trees")
    assert 0 < n_changed < len(TEST)
    assert found["prefix equivalence/parse"] == n_changed
    assert found["component equivalence/parse"] == n_changed


def test_noise_breaks_what_follows_where_it_changed_the_truth_table(
    tables: Measured, noised: tuple[Tensor, Tensor]
) -> None:
    truth = literal_pair_truth(PROBLEM)
    clean, noisy = (truth[pairs].all(dim=1) for pairs in noised)
    n_other_table = int((clean != noisy).any(dim=1).sum())
    n_other_label = int((clean.any(dim=1) != noisy.any(dim=1)).sum())
    found = counts(tables, "noise", "pairs", "trees")
    assert found["prefix equivalence/evaluate"] == n_other_table
    for cell in (
        "prefix equivalence/output",
        "prefix replaceability/parse",
        "component replaceability/parse",
        "prefix replaceability/evaluate",
        "prefix replaceability/output",
    ):
        assert found[cell] == n_other_label


@pytest.mark.parametrize("kind", ["pairs", "clauses"])
def test_noise_never_enters_a_component_after_parse(tables: Measured, kind: str) -> None:
    found = counts(tables, "noise", kind, "trees")
    later = [cell for cell in ALL_CELLS if cell.startswith("component") and "parse" not in cell]
    assert [found[cell] for cell in later] == [0] * len(later)


@pytest.mark.parametrize("leaves", ["2", "4", "16", "unlimited"])
def test_two_leaves_are_enough_for_one_assignment(tables: Measured, leaves: str) -> None:
    assert counts(tables, "leaves", leaves, "trees") == dict.fromkeys(ALL_CELLS, 0)


def test_literal_counts_fail_what_needs_clauses(tables: Measured) -> None:
    found = counts(tables, "rival", "literal counts", "trees")
    assert found["prefix equivalence/evaluate"] > 0.3 * len(TEST)
    assert found["component equivalence/output"] == 0


def test_the_lookup_table_fails_on_satisfiable_truth_tables_it_never_saw(
    tables: Measured,
) -> None:
    seen = {row.tobytes() for row in own_program.tables(FIT)}
    unseen = np.array([row.tobytes() not in seen for row in own_program.tables(TEST)])
    found = counts(tables, "rival", "lookup table", "trees")
    assert found["prefix equivalence/evaluate"] == int((unseen & TEST.satisfiable).sum())


def test_the_implication_graph_decides_every_formula(tables: Measured) -> None:
    found = counts(tables, "rival", "implication graph", "trees")
    decided = [cell for cell in ALL_CELLS if cell not in REPLACED]
    assert [found[cell] for cell in decided] == [0] * len(decided)


def test_a_mean_state_that_excites_no_neuron_loses_every_satisfiable_formula(
    tables: Measured,
) -> None:
    # Each assignment satisfies fewer than half of the satisfiable formulas, so that the mean of
    # its neuron, which is 0 or twice its cut, stays below the cut.
    assert own_program.tables(FIT)[FIT.satisfiable].mean(axis=0).max() < 0.5
    found = counts(tables, "rival", "implication graph", "trees")
    assert [found[cell] for cell in REPLACED] == [N_SATISFIABLE] * 2


def test_the_paired_test_tells_literal_counts_from_trees_and_trees_from_nothing_else(
    tables: Measured,
) -> None:
    p_values = {
        (row.first, row.second): row.p_value
        for row in tables.paired
        if row.cell == "prefix equivalence/output"
    }
    base = "trees/calibrated/resid_mid"
    assert float(p_values[base, f"{base}/rival/literal counts"] or 0) < 1e-6
    assert p_values[base, f"{base}/rival/implication graph"] == 1.0
