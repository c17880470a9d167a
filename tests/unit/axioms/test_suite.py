"""The suite: what it counts, what it runs and how it judges."""

import math
from dataclasses import replace

import pytest
import torch

from mechval.axioms import (
    AxiomReport,
    Batch,
    Equivalence,
    Interpretation,
    Verdict,
    clopper_pearson_lower,
    clopper_pearson_upper,
    evaluate_axioms,
    exact_labels,
    identity,
)
from tests.unit.axioms import toy

N_PARTS = 4
NATURAL = {"natural": {"low": 0.75, "high": 0.25}}


def differing_parts(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first != second).sum(dim=1)


def make_parts_toy(tolerance: float) -> Interpretation:
    """State of 4 parts of which x mod 5 are wrong; the label does not depend on them."""
    parts = Equivalence("parts", differing_parts, tolerance, N_PARTS)
    return Interpretation(
        name="parts",
        components=("count", "ignore"),
        concrete=(
            lambda number: (torch.arange(N_PARTS) < number[:, None] % 5).long(),
            lambda state: state[:, 0] * 0,
        ),
        abstract=(
            lambda number: torch.zeros(len(number), N_PARTS, dtype=torch.long),
            lambda state: state[:, 0] * 0,
        ),
        alphas=(identity,) * 3,
        gammas=(identity,) * 3,
        equivalences=(exact_labels, parts, exact_labels),
    )


def evaluate(interpretations: list[Interpretation], batches: list[Batch]) -> list[AxiomReport]:
    return evaluate_axioms(
        interpretations,
        batches,
        strata_names=("low", "high"),
        mixtures={},
        confidence=0.95,
        constant_label=1,
    )


def constant_network(_: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(_), dtype=torch.long)


@pytest.mark.parametrize("tolerance", [0, 1, 2, 3, 4])
def test_states_agree_when_no_more_parts_differ_than_tolerated(tolerance: int) -> None:
    report = toy.evaluate_toy(make_parts_toy(tolerance))
    assert report.cells[0].disagreements == toy.N * (N_PARTS - tolerance) // 5


@pytest.mark.parametrize("tolerance", [0, 2])
def test_mean_distance_does_not_depend_on_the_tolerance(tolerance: int) -> None:
    cell = toy.evaluate_toy(make_parts_toy(tolerance)).cells[0]
    assert (cell.mean_distance, cell.mean_part_error) == (2.0, 0.5)


def test_tolerating_wrong_bits_leaves_replaceability_to_the_labels() -> None:
    tolerant = Equivalence("one bit", exact_labels.distance, tolerance=1)
    interpretation = toy.with_map(toy.make_toy(), "equivalences", 1, tolerant)
    counts = toy.counts(toy.evaluate_toy(interpretation))
    assert counts == [[0, *toy.EXPECTED[0][1:]], [0, *toy.EXPECTED[1][1:]], *toy.EXPECTED[2:]]


def test_each_cell_names_the_equivalence_of_its_cut_or_of_the_labels() -> None:
    names = [cell.equivalence for cell in toy.evaluate_toy(toy.make_toy()).cells]
    assert names == ["one bit", "one bit", "exact labels"] * 2 + ["exact labels"] * 6


def test_cells_come_axiom_by_axiom_and_component_by_component() -> None:
    cells = toy.evaluate_toy(toy.make_toy()).cells
    assert [(cell.axiom.number, cell.component) for cell in cells] == [
        (axiom, component) for axiom in (1, 2, 3, 4) for component in toy.COMPONENTS
    ]


def test_a_repeated_cell_says_which_cell_it_repeats() -> None:
    repeats = {cell.name: cell.repeats for cell in toy.evaluate_toy(toy.make_toy()).cells}
    assert {name: first for name, first in repeats.items() if first} == {
        "component equivalence/parse": "prefix equivalence/parse",
        "prefix replaceability/output": "prefix equivalence/output",
        "component replaceability/parse": "prefix replaceability/parse",
        "component replaceability/output": "component equivalence/output",
    }


def test_pooled_bound_is_clopper_pearson_of_all_samples() -> None:
    cell = toy.evaluate_toy(toy.make_toy(), confidence=0.99).cells[1]
    assert cell.epsilon == clopper_pearson_upper(toy.a + toy.b, toy.N, 0.99)


def test_simultaneous_bound_shares_the_error_among_the_eight_distinct_cells() -> None:
    cell = toy.evaluate_toy(toy.make_toy()).cells[1]
    expected = clopper_pearson_upper(toy.a + toy.b, toy.N, 1 - 0.05 / 8)
    assert cell.epsilon_simultaneous == pytest.approx(expected, rel=1e-12)


def test_strata_are_counted_apart() -> None:
    strata = toy.evaluate_toy(toy.make_toy()).cells[2].strata
    counted = {name: (stratum.n, stratum.disagreements) for name, stratum in strata.items()}
    assert counted == {"low": (100, toy.a + toy.b), "high": (100, toy.c)}


def test_a_mixture_weighs_the_rates_of_the_strata() -> None:
    report = toy.evaluate_toy(toy.make_toy(), mixtures=NATURAL)
    expected = 0.75 * (toy.a + toy.b) / 100 + 0.25 * toy.c / 100
    assert report.cells[2].mixtures["natural"].rate == pytest.approx(expected)


def test_a_mixture_weighs_bounds_that_hold_for_all_strata_together() -> None:
    report = toy.evaluate_toy(toy.make_toy(), mixtures=NATURAL)
    low = clopper_pearson_upper(toy.a + toy.b, 100, 0.975)
    high = clopper_pearson_upper(toy.c, 100, 0.975)
    expected = 0.75 * low + 0.25 * high
    assert report.cells[2].mixtures["natural"].epsilon == pytest.approx(expected)


def test_the_constant_program_is_counted_and_bounded_on_both_sides() -> None:
    constant = toy.evaluate_toy(toy.make_toy(), constant_label=1).constant
    # 100 even numbers; each deviating set holds one even number more than odd ones.
    assert (constant.disagreements, constant.rate) == (103, 103 / 200)
    assert constant.lower == clopper_pearson_lower(103, 200, 0.95)
    assert constant.upper == clopper_pearson_upper(103, 200, 0.95)


def test_label_entropy_is_that_of_the_networks_labels() -> None:
    report = toy.evaluate_toy(toy.make_toy())
    expected = -sum(share * math.log2(share) for share in (97 / 200, 103 / 200))
    assert report.label_entropy == pytest.approx(expected)


def test_only_cells_that_compare_labels_are_judged() -> None:
    report = toy.evaluate_toy(toy.make_toy())
    judged = [cell.name for cell in report.cells if cell.verdict is not Verdict.NOT_JUDGED]
    assert judged == [
        "prefix equivalence/output",
        "component equivalence/output",
        *(f"prefix replaceability/{component}" for component in toy.COMPONENTS),
        *(f"component replaceability/{component}" for component in toy.COMPONENTS),
    ]


def test_a_good_program_is_better_than_the_constant_one() -> None:
    assert toy.evaluate_toy(toy.make_toy()).cells[6].verdict is Verdict.BETTER


def test_a_program_that_is_always_wrong_is_not_better_than_the_constant_one() -> None:
    wrong = toy.with_map(toy.make_toy(), "abstract", 2, toy.negate)
    assert toy.evaluate_toy(wrong).cells[8].verdict is Verdict.NOT_BETTER


def test_a_program_as_good_as_the_constant_one_is_not_better() -> None:
    constant = toy.with_map(toy.make_toy(), "abstract", 2, constant_network)
    report = toy.evaluate_toy(constant, constant_label=1)
    assert report.cells[2].disagreements == report.constant.disagreements
    assert report.cells[2].verdict is Verdict.NOT_BETTER


def test_a_constant_network_gets_no_verdict() -> None:
    constant = toy.with_map(toy.make_toy(), "concrete", 2, constant_network)
    report = toy.evaluate_toy(constant)
    assert {cell.verdict for cell in report.cells} == {
        Verdict.NOT_JUDGED,
        Verdict.CONSTANT_NETWORK,
    }


def test_a_constant_network_is_said_to_have_one_label_and_no_entropy() -> None:
    constant = toy.with_map(toy.make_toy(), "concrete", 2, constant_network)
    report = toy.evaluate_toy(constant)
    assert (report.n_labels, report.label_entropy) == (1, 0.0)


def test_exact_equivalences_break_no_inclusion() -> None:
    violations = toy.evaluate_toy(toy.make_toy()).inclusion_violations
    assert violations == {"parse": 0, "evaluate": 0, "output": 0}


def test_a_program_that_ignores_its_equivalence_breaks_the_inclusion() -> None:
    """Parsed bits all count as equal, but the next component tells them apart."""
    anything = Equivalence("anything", lambda first, second: torch.zeros(len(first)))
    interpretation = toy.with_map(toy.make_toy(), "equivalences", 1, anything)
    violations = toy.evaluate_toy(interpretation).inclusion_violations
    assert violations == {"parse": 0, "evaluate": toy.a, "output": toy.a}


def test_inclusion_is_not_claimed_from_a_tolerant_equivalence_on() -> None:
    tolerant = Equivalence("one bit", exact_labels.distance, tolerance=1)
    interpretation = toy.with_map(toy.make_toy(), "equivalences", 2, tolerant)
    violations = toy.evaluate_toy(interpretation).inclusion_violations
    assert violations == {"parse": 0, "evaluate": None, "output": None}


def test_the_network_runs_once_for_all_interpretations() -> None:
    calls = []

    def counted_parse(number: torch.Tensor) -> torch.Tensor:
        calls.append(len(number))
        return toy.parse(number)

    first = toy.with_map(toy.make_toy(), "concrete", 0, counted_parse)
    second = toy.with_map(toy.make_toy("negated"), "concrete", 0, counted_parse)
    evaluate([first, toy.with_map(second, "abstract", 2, toy.negate)], toy.make_batches(50))
    assert calls.count(50) == 4


def test_interpretations_are_reported_in_their_order() -> None:
    negated = toy.with_map(toy.make_toy("negated"), "abstract", 2, toy.negate)
    reports = evaluate([negated, toy.make_toy()], toy.make_batches())
    assert [report.cells[2].disagreements for report in reports] == [
        toy.N - toy.EXPECTED[0][2],
        toy.EXPECTED[0][2],
    ]


def test_a_cell_whose_maps_are_shared_is_measured_once_for_all_interpretations():
    calls: list[int] = []

    def counted_write(bit: torch.Tensor) -> torch.Tensor:
        calls.append(len(bit))
        return toy.write_bit(bit)

    first = toy.with_map(toy.make_toy("first"), "gammas", 1, counted_write)
    second = toy.with_map(replace(first, name="second"), "abstract", 2, toy.negate)
    reports = evaluate([first, second], toy.make_batches())
    assert calls.count(toy.N) == 1
    assert [toy.counts(report)[2][0] for report in reports] == [toy.a + toy.b + toy.c] * 2


def test_a_cell_whose_program_differs_is_measured_apart():
    right = toy.make_toy("right")
    wrong = toy.with_map(replace(right, name="wrong"), "abstract", 0, toy.negate)
    alone = evaluate([wrong], toy.make_batches())[0]
    together = evaluate([right, wrong], toy.make_batches())
    assert toy.counts(together[0]) == toy.EXPECTED
    assert toy.counts(together[1]) == toy.counts(alone) != toy.EXPECTED
