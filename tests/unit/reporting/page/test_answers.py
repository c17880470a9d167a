"""The four answers: computed from the table by rules, and they change with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.axioms import clopper_pearson_upper, simultaneous_confidence
from mechval.reporting.page.answers import (
    answer_confirmed,
    answer_failure,
    answer_weakest,
    fails_at,
)
from mechval.reporting.page.cells import PageCell, main_cells, read_cells
from tests.unit.reporting.page.toy_run import N, cell, cells

BAR = 0.05


def read(*rows: object) -> list[PageCell]:
    # As a file gives them back: all text.
    texts = [{key: str(value) for key, value in row.items()} for row in rows]  # type: ignore
    return read_cells(texts)


def table(**counts: int) -> list[PageCell]:
    keys = {"parse": (1, "first"), "answer": (4, "second")}
    return read(*cells({keys[name]: count for name, count in counts.items()}))


def test_a_claim_without_disagreements_is_confirmed() -> None:
    answer = answer_confirmed(table(), [], BAR)
    assert answer.verdict.startswith("Confirmed, up to ε")
    assert f"sampled, N = {N:,}" in answer.sentences[0]


def test_a_cell_above_the_bar_leaves_the_claim_confirmed_in_part_and_is_named() -> None:
    answer = answer_confirmed(table(parse=100), [], BAR)
    assert answer.verdict == "Confirmed in part"
    assert "first, prefix equivalence" in " ".join(answer.sentences)


def test_answers_no_better_than_a_constant_refute_the_claim() -> None:
    rows = cells({})
    rows[-1] = cell(4, "second", 0, verdict="not better than constant")
    assert answer_confirmed(read(*rows), [], BAR).verdict == "Not confirmed"


def test_null_networks_are_judged_by_the_same_rule() -> None:
    nulls = read(cell(1, "first", N), cell(3, "first", 0, verdict="none: t is constant"))
    assert "0 of 2 cells hold" in " ".join(answer_confirmed(table(), nulls, BAR).sentences)
    assert "2 of 2 cells hold" in " ".join(
        answer_confirmed(table(), read(*cells({})[:2]), BAR).sentences
    )


def test_the_weakest_axiom_moves_with_the_counts() -> None:
    assert answer_weakest(table(parse=9, answer=3)).verdict == "Prefix equivalence of first"
    answer = answer_weakest(table(parse=3, answer=9))
    assert answer.verdict == "Component replaceability of second"
    assert "9 of 1,000, sampled" in answer.sentences[0]
    assert "times the next one, prefix equivalence of first" in answer.sentences[1]


def test_the_claim_fails_with_the_disagreements_that_are_told() -> None:
    answer = answer_failure(table(parse=9), [], BAR)
    limit = fails_at(table()[0], 8, BAR)
    assert answer.verdict.startswith(f"{limit - 9:,} more disagreements of 1,000 in first")
    assert answer_failure(table(parse=limit), [], BAR).verdict.startswith("1 of 8 cells fail")


@given(n=st.integers(1, 5000), n_cells=st.integers(1, 20))
def test_a_sampled_cell_fails_at_the_first_count_whose_bound_is_above_the_bar(
    n: int, n_cells: int
) -> None:
    (one,) = read(cell(1, "first", 0, n=n))
    confidence = simultaneous_confidence(0.95, n_cells)
    limit = fails_at(one, n_cells, BAR)
    assert limit == n or clopper_pearson_upper(limit, n, confidence) > BAR
    assert limit == 0 or clopper_pearson_upper(limit - 1, n, confidence) <= BAR


def test_an_exact_cell_fails_once_its_rate_is_above_the_bar() -> None:
    (one,) = read(cell(1, "first", 0, kind="exact", epsilon_simultaneous=""))
    assert fails_at(one, 8, BAR) == 51


def test_exact_evidence_is_shown_before_sampled() -> None:
    sampled, exact = cell(1, "first", 3, kind="sampled"), cell(1, "first", 5, kind="exact")
    (shown,) = main_cells(read(sampled, exact))
    assert (shown.kind, shown.disagreements) == ("exact", 5)


def test_an_old_table_without_kinds_is_sampled() -> None:
    assert {one.kind for one in table()} == {"sampled"}


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind 'guessed' is none of"):
        read(cell(1, "first", 0, kind="guessed"))
