"""The four answers: computed from the table by rules, and they change with it."""

from hypothesis import given
from hypothesis import strategies as st

from mechval.axioms import (
    Axiom,
    Cell,
    EvidenceKind,
    Verdict,
    clopper_pearson_upper,
    simultaneous_confidence,
)
from mechval.reporting.html.answers import (
    Judged,
    answer_confirmed,
    answer_failure,
    answer_weakest,
    claimed,
    fails_at,
)
from mechval.reporting.shown import significant
from tests.unit.reporting.html.toy_run import N, cell, cells

BAR = 0.05
PREFIX, REPLACED = Axiom.PREFIX_EQUIVALENCE, Axiom.COMPONENT_REPLACEABILITY


def table(**counts: int) -> list[Cell]:
    keys = {"parse": (PREFIX, "first"), "answer": (REPLACED, "second")}
    return cells({keys[name]: count for name, count in counts.items()})


def judged(cells: list[Cell], nulls: dict[str, list[Cell]] | None = None) -> Judged:
    return Judged(cells, nulls or {}, BAR)


def test_a_claim_without_disagreements_is_confirmed() -> None:
    answer = answer_confirmed(judged(table()))
    assert answer.verdict.startswith("Confirmed, up to simultaneous ε")
    assert f"sampled, N = {N:,}" in answer.sentences[0]


def test_a_cell_above_the_bar_leaves_the_claim_confirmed_in_part_and_is_named() -> None:
    answer = answer_confirmed(judged(table(parse=100)))
    assert answer.verdict == "Confirmed in part"
    assert "first, prefix equivalence" in " ".join(answer.sentences)


def test_answers_no_better_than_a_constant_refute_the_claim() -> None:
    rows = cells({})
    rows[-1] = cell(REPLACED, "second", 0, verdict=Verdict.NOT_BETTER)
    assert answer_confirmed(judged(rows)).verdict == "Not confirmed"


def test_every_cell_that_does_not_hold_is_named_on_a_run_that_fails() -> None:
    rows = cells({(PREFIX, "first"): 100})
    rows[-1] = cell(REPLACED, "second", 0, verdict=Verdict.NOT_BETTER)
    (told,) = (s for s in answer_confirmed(judged(rows)).sentences if s.startswith("Not holding"))
    assert "first, prefix equivalence" in told
    assert "second, component replaceability" in told


def test_bounds_of_one_cell_and_of_all_have_a_name_each() -> None:
    bound = judged(table(parse=9)).cells[0]
    assert significant(bound.epsilon) != significant(bound.epsilon_simultaneous)
    together = f"simultaneous ε = {significant(bound.epsilon_simultaneous)}"
    answer = answer_weakest(judged(table(parse=9)))
    assert together in answer.sentences[0]
    assert answer.details is not None
    assert answer.details.header[2] == "simultaneous ε"


def proved(cells: list[Cell], *names: str) -> Judged:
    return Judged(cells, {}, BAR, {f"main/{name}" for name in names})


def test_cells_that_are_all_proved_are_certified_with_the_sampled_bound_beside() -> None:
    rows = table()
    found = proved(rows, *(row.name for row in rows))
    bound = significant(rows[0].epsilon_simultaneous)
    confirmed, weakest, failure = (
        rule(found) for rule in (answer_confirmed, answer_weakest, answer_failure)
    )
    assert confirmed.verdict == "Confirmed: ε = 0 on every input, certified"
    assert f"Samples by themselves bound simultaneous ε by {bound}." in confirmed.sentences[0]
    assert weakest.verdict == "None: ε = 0 in every cell, certified"
    assert f"simultaneous ε = {bound}" in weakest.sentences[0]
    assert failure.verdict.startswith("One disagreement on any input, in any of 8 certified cells")
    assert failure.sentences[0].startswith("By samples alone: ")
    for answer in (weakest, failure):
        assert answer.details is not None
        assert answer.details.header[-1] == "ε on every input"
        assert {row[-1].text for row in answer.details.rows} == {"0 (certified)"}


def test_cells_that_are_not_proved_keep_their_sampled_bound() -> None:
    rows = table(parse=9)
    others = [row for row in rows if row.disagreements == 0]
    found = proved(rows, *(row.name for row in others))
    bound = significant(rows[0].epsilon_simultaneous)
    assert answer_confirmed(found).verdict == f"Confirmed, up to simultaneous ε = {bound}"
    assert "Proved: 7 of 8 distinct cells" in answer_confirmed(found).sentences[0]
    assert answer_weakest(found).verdict == "Prefix equivalence of first"
    assert "All other 7 cells have no disagreement" in answer_weakest(found).sentences[1]


def test_a_proof_does_not_save_a_cell_that_a_constant_answer_meets_too() -> None:
    rows = cells({})
    rows[-1] = cell(REPLACED, "second", 0, verdict=Verdict.NOT_BETTER)
    found = proved(rows, *(row.name for row in rows))
    assert answer_confirmed(found).verdict == "Not confirmed"
    assert answer_failure(found).verdict == "1 of 8 cells fail already"


def test_a_proof_of_another_interpretation_says_nothing() -> None:
    rows = table()
    found = Judged(rows, {}, BAR, {f"another/{row.name}" for row in rows})
    assert answer_confirmed(found) == answer_confirmed(judged(rows))


def test_null_networks_are_judged_by_the_same_rule() -> None:
    replaced = Axiom.PREFIX_REPLACEABILITY
    constant = cell(replaced, "first", 0, verdict=Verdict.CONSTANT_NETWORK)
    nulls = {"random": [cell(PREFIX, "first", N), constant]}
    told = " ".join(answer_confirmed(judged(table(), nulls)).sentences)
    assert "the claim is false (random), 0 of 2 cells hold" in told
    told = " ".join(answer_failure(judged(table(), {"shuffled": cells({})[:2]})).sentences)
    assert "2 of 2 cells hold" in told


def test_the_weakest_axiom_moves_with_the_counts() -> None:
    assert answer_weakest(judged(table(parse=9, answer=3))).verdict == "Prefix equivalence of first"
    answer = answer_weakest(judged(table(parse=3, answer=9)))
    assert answer.verdict == "Component replaceability of second"
    assert "9 of 1,000, sampled" in answer.sentences[0]
    assert "times the next one, prefix equivalence of first" in answer.sentences[1]


def test_each_axiom_is_listed_with_its_weakest_component() -> None:
    details = answer_weakest(judged(table(parse=9, answer=3))).details
    assert details is not None
    listed = {row[0].text: (row[1].text, row[3].text) for row in details.rows}
    assert listed["prefix equivalence"] == ("first", "9 of 1,000, sampled")
    assert listed["component replaceability"] == ("second", "3 of 1,000, sampled")
    assert len(listed) == 4


def test_the_claim_fails_with_the_disagreements_that_are_told() -> None:
    answer = answer_failure(judged(table(parse=9)))
    limit = fails_at(table()[0], 8, BAR)
    assert answer.verdict.startswith(f"{limit - 9:,} more disagreements of 1,000 in first")
    assert answer_failure(judged(table(parse=limit))).verdict.startswith("1 of 8 cells fail")


@given(n=st.integers(1, 5000), n_cells=st.integers(1, 20))
def test_a_sampled_cell_fails_at_the_first_count_whose_bound_is_above_the_bar(
    n: int, n_cells: int
) -> None:
    one = cell(PREFIX, "first", 0, n=n)
    confidence = simultaneous_confidence(0.95, n_cells)
    limit = fails_at(one, n_cells, BAR)
    assert limit == n or clopper_pearson_upper(limit, n, confidence) > BAR
    assert limit == 0 or clopper_pearson_upper(limit - 1, n, confidence) <= BAR


def test_an_exact_cell_fails_once_its_rate_is_above_the_bar() -> None:
    one = cell(PREFIX, "first", 0, kind=EvidenceKind.EXACT, confidence=None)
    assert fails_at(one, 8, BAR) == 51


def test_only_distinct_cells_of_the_first_interpretation_are_judged() -> None:
    rows = [
        cell(PREFIX, "first", 1),
        cell(Axiom.COMPONENT_EQUIVALENCE, "first", 1, repeats="prefix equivalence/first"),
        cell(PREFIX, "second", 2, interpretation="another"),
    ]
    assert [row.component for row in judged(claimed(rows)).distinct] == ["first"]
