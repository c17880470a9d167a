"""Re-checking finished certificates and counts without making them anew.

A certificate is checked by `checker`, which shares no code with what made it. Of an enumeration a
fixed part of the chunks is counted again, in full, and the totals are added up again.
"""

from collections.abc import Mapping, Sequence

from mechval.reporting.tables import Row, Value
from mechval.two_sat.certify.counting.enumeration import Enumerator
from mechval.two_sat.certify.counting.enumeration_chunks import Prefix, verified_prefixes
from mechval.two_sat.certify.counting.enumeration_rows import ALL, CLASSES, chunk_row


def recounted_chunks(enumerator: Enumerator, committed: Sequence[Row]) -> list[Row]:
    """The committed rows of all chunks, those of :func:`verified_prefixes` counted again."""
    again = {
        prefix: chunk_row(enumerator.count(prefix))
        for prefix in verified_prefixes(enumerator.problem)
    }
    return [again.get(_prefix(row), row) for row in committed]


def added_up(answers: Sequence[Row], chunks: Sequence[Row]) -> list[Row]:
    """The committed answers, with errors and totals added up from the chunks again.

    The chunks do not say in which class an undecided formula lies, so a class keeps its upper
    count, unless more errors than that are found.
    """
    errors = {name: _sum(chunks, f"{name}_errors") for name in CLASSES}
    errors[ALL] = sum(errors.values())
    formulas, undecided = _sum(chunks, "formulas"), _sum(chunks, "undecided")
    rows: list[Row] = []
    for row in answers:
        name, changes = str(row["class"]), dict[str, Value]()
        if row["quantity"] == "error" and name in errors:
            upper = max(errors[name], int(str(row["count_upper"])))
            changes |= {"count_lower": errors[name], "count_upper": upper}
            if name == ALL:
                changes |= {"count_upper": errors[ALL] + undecided, "total": formulas}
        rows.append({**row, **changes})
    return rows


def _prefix(row: Mapping[str, object]) -> Prefix:
    return int(str(row["first"])), int(str(row["second"]))


def _sum(rows: Sequence[Row], column: str) -> int:
    return sum(int(str(row[column])) for row in rows)
