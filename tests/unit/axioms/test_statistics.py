"""Bounds against published values, and what they refuse."""

import pytest

from mechval.axioms import (
    clopper_pearson_lower,
    clopper_pearson_upper,
    disagreements_from_epsilon,
    label_entropy,
    mixture_upper,
    simultaneous_confidence,
)
from mechval.errors import MechvalError

N_PUBLISHED = 80_001
# Printed ε of the published model (paper section 4), and the disagreements that give them.
PUBLISHED = {
    "parse equivalence": (0, "3.74e-05"),
    "parse replaceability": (3_251, "0.0418"),
    "evaluate equivalence, trees": (14_393, "0.182"),
    "evaluate equivalence, disjunction": (24_530, "0.309"),
    "evaluate replaceability, trees": (974, "0.0128"),
    "evaluate replaceability, disjunction": (207, "0.0029"),
    "output": (316, "0.00433"),
    "gamma_2 at 0.5, trees": (19_719, "0.249"),
    "gamma_2 at 0.5, disjunction": (10_633, "0.135"),
}


@pytest.mark.parametrize("cell", PUBLISHED)
def test_published_counts_give_the_printed_epsilon(cell: str) -> None:
    disagreements, printed = PUBLISHED[cell]
    assert f"{clopper_pearson_upper(disagreements, N_PUBLISHED, 0.95):.3g}" == printed


@pytest.mark.parametrize("cell", PUBLISHED)
def test_counts_are_recovered_from_their_bound(cell: str) -> None:
    disagreements, _ = PUBLISHED[cell]
    epsilon = clopper_pearson_upper(disagreements, N_PUBLISHED, 0.95)
    assert disagreements_from_epsilon(epsilon, N_PUBLISHED, 0.95) == disagreements


@pytest.mark.parametrize("cell", PUBLISHED)
def test_counts_are_recovered_from_three_printed_digits_as_far_as_they_determine(
    cell: str,
) -> None:
    disagreements, printed = PUBLISHED[cell]
    last_digit = 10.0 ** int(f"{float(printed):.2e}"[-3:]) / 100
    recovered = disagreements_from_epsilon(float(printed), N_PUBLISHED, 0.95)
    assert abs(recovered - disagreements) <= last_digit / 2 * N_PUBLISHED + 1


def test_all_of_a_modular_addition_holdout_agreeing_gives_the_printed_epsilon() -> None:
    assert f"{clopper_pearson_upper(0, 8_939, 0.95):.3g}" == "0.000335"


def test_the_nearest_count_is_found_at_both_ends() -> None:
    assert [disagreements_from_epsilon(epsilon, 10, 0.95) for epsilon in (1e-9, 1.0)] == [0, 10]


def test_no_disagreement_bounds_nothing_from_below() -> None:
    assert clopper_pearson_lower(0, 10, 0.95) == 0


def test_all_disagreeing_bounds_nothing_from_above() -> None:
    assert clopper_pearson_upper(10, 10, 0.95) == 1


def test_no_samples_are_refused() -> None:
    with pytest.raises(MechvalError, match="n=0 samples"):
        clopper_pearson_upper(0, 0, 0.95)


def test_no_samples_cannot_be_inverted() -> None:
    with pytest.raises(MechvalError, match="n=0 samples"):
        disagreements_from_epsilon(0.5, 0, 0.95)


@pytest.mark.parametrize("disagreements", [-1, 11])
def test_a_count_outside_the_samples_is_refused(disagreements: int) -> None:
    with pytest.raises(MechvalError, match=r"allowed: 0 to n=10"):
        clopper_pearson_lower(disagreements, 10, 0.95)


@pytest.mark.parametrize("epsilon", [0.0, 1.1, float("nan")])
def test_an_epsilon_that_is_no_bound_is_refused(epsilon: float) -> None:
    with pytest.raises(MechvalError, match="epsilon="):
        disagreements_from_epsilon(epsilon, 10, 0.95)


def test_a_stratum_without_samples_cannot_be_mixed() -> None:
    with pytest.raises(MechvalError, match="n=0 samples"):
        mixture_upper([0, 0], [10, 0], [0.5, 0.5], 0.95)


def test_a_mixture_of_one_stratum_is_bounded_like_that_stratum() -> None:
    expected = clopper_pearson_upper(3, 50, 0.95)
    assert mixture_upper([3], [50], [1.0], 0.95) == pytest.approx(expected)


def test_simultaneous_bounds_need_at_least_one_bound() -> None:
    with pytest.raises(MechvalError, match="n_bounds=0"):
        simultaneous_confidence(0.95, 0)


def test_entropy_of_four_equal_labels_is_two_bits() -> None:
    assert label_entropy([3, 3, 3, 3]) == 2.0


def test_entropy_of_nothing_is_refused() -> None:
    with pytest.raises(MechvalError, match="n=0 samples"):
        label_entropy([0, 0])
