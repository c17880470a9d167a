"""Adding the chunks up again finds what was tampered with."""

from dataclasses import replace
from pathlib import Path

from mechval.two_sat.certify.counting.tables import (
    ANSWERS,
    CHUNKS,
    AnswerCount,
    ChunkRow,
    Quantity,
    added_up,
)

ROWS = [
    ChunkRow(
        first=0,
        second=k,
        multisets=1,
        formulas=10,
        unsatisfiable_errors=1,
        satisfiable_errors=2,
        undecided=0,
        sha256="0",
    )
    for k in range(3)
]


def counted(quantity: Quantity, stratum: str, *counts: int | None) -> AnswerCount:
    lower, total = counts
    rate = None if lower is None or total is None else lower / total
    return AnswerCount(
        quantity=quantity,
        stratum=stratum,
        count_lower=lower,
        count_upper=lower,
        total=total,
        value_lower=rate,
        value_upper=rate,
    )


COUNTED = [
    counted("error", "unsatisfiable", 3, 9),
    counted("error", "satisfiable", 6, 21),
    counted("error", "all", 9, 30),
    counted("error", "balanced", None, None),
    counted("other_token", "all", 0, 30),
]


def test_honest_totals_are_found_again() -> None:
    assert added_up(COUNTED, ROWS) == COUNTED


def test_a_tampered_total_is_not_what_the_chunks_add_up_to() -> None:
    tampered = [replace(COUNTED[0], count_lower=2), *COUNTED[1:]]
    assert added_up(tampered, ROWS) == COUNTED


def test_a_tampered_chunk_changes_the_totals() -> None:
    tampered = [replace(ROWS[0], satisfiable_errors=3), *ROWS[1:]]
    assert added_up(COUNTED, tampered) != COUNTED


def test_both_tables_are_read_back_as_they_were(tmp_path: Path) -> None:
    ANSWERS.write(COUNTED, tmp_path)
    CHUNKS.write(ROWS, tmp_path)
    assert [row.count_lower for row in ANSWERS.read(tmp_path)] == [3, 6, 9, None, 0]
    assert list(CHUNKS.read(tmp_path)) == ROWS
