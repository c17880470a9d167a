"""Adding the chunks up again finds what was tampered with."""

from mechval.two_sat.certify.counting.verifying import added_up

CHUNKS = [
    {"first": "0", "second": str(k), "formulas": "10", "unsatisfiable_errors": "1",
     "satisfiable_errors": "2", "undecided": "0"}
    for k in range(3)
]  # fmt: skip
ANSWERS = [
    {"quantity": "error", "class": "unsatisfiable", "count_lower": "3", "count_upper": "3",
     "total": "9"},
    {"quantity": "error", "class": "satisfiable", "count_lower": "6", "count_upper": "6",
     "total": "21"},
    {"quantity": "error", "class": "all", "count_lower": "9", "count_upper": "9", "total": "30"},
    {"quantity": "error", "class": "balanced", "count_lower": "", "count_upper": "", "total": ""},
    {"quantity": "other_token", "class": "all", "count_lower": "0", "count_upper": "0",
     "total": "30"},
]  # fmt: skip


def as_text(rows: list) -> list:
    return [{name: str(value) for name, value in row.items()} for row in rows]


def test_honest_totals_are_found_again() -> None:
    assert as_text(added_up(ANSWERS, CHUNKS)) == ANSWERS


def test_a_tampered_total_is_not_what_the_chunks_add_up_to() -> None:
    tampered = [{**ANSWERS[0], "count_lower": "2"}, *ANSWERS[1:]]
    assert as_text(added_up(tampered, CHUNKS)) == ANSWERS


def test_a_tampered_chunk_changes_the_totals() -> None:
    tampered = [{**CHUNKS[0], "satisfiable_errors": "3"}, *CHUNKS[1:]]
    assert as_text(added_up(ANSWERS, tampered)) != ANSWERS
