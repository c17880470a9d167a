"""Tolerances of the verification, each from both sides."""

from pathlib import Path
from typing import Any

import pytest

from mechval.pipeline.comparison import (
    Comparison,
    compare_hashes,
    compare_tracked,
    compare_values,
)


def verdicts(committed: Any, recomputed: Any) -> list[bool]:
    return [item.is_allowed for item in compare_values("t.json", committed, recomputed)]


@pytest.mark.parametrize(
    ("committed", "recomputed", "expected"),
    [
        ({"disagreements": 40}, {"disagreements": 45}, [True]),
        ({"disagreements": 40}, {"disagreements": 46}, [False]),
        ({"SAT_disagreements": 40}, {"SAT_disagreements": 35}, [True]),
        ({"satisfiable_count": 40}, {"satisfiable_count": 46}, [False]),
        ({"n": 16_000, "disagreements": 4}, {"n": 16_000, "disagreements": 5}, [True]),
        ({"n": 16_000, "disagreements": 4}, {"n": 16_000, "disagreements": 6}, [False]),
        (
            {"n": 80_000, "SAT_n": 1000, "SAT_disagreements": 1},
            {"n": 80_000, "SAT_n": 1000, "SAT_disagreements": 2},
            [False],
        ),
        ({"neurons": 34}, {"neurons": 35}, [False]),
        ({"n": 80_000}, {"n": 80_001}, [False]),
        ({"epsilon": 0.1}, {"epsilon": 0.10008}, [True]),
        ({"epsilon": 0.1}, {"epsilon": 0.10009}, [False]),
        ({"SAT.rate": 0.1}, {"SAT.rate": 0.10008}, [True]),
        ({"mean_part_error": 0.1}, {"mean_part_error": 0.10008}, [True]),
        ({"mean_part_error": 0.1}, {"mean_part_error": 0.1002}, [False]),
        ({"accuracy": {"test": 0.9}}, {"accuracy": {"test": 0.9001}}, [False]),
        ({"generated": 0.1}, {"generated": 0.10008}, [False]),
        ({"threshold": 2.0}, {"threshold": 2.00001}, [True]),
        ({"threshold": 2.0}, {"threshold": 2.00003}, [False]),
        ({"threshold": 0.0}, {"threshold": 1e-10}, [True]),
        ({"threshold": 0.0}, {"threshold": 1e-8}, [False]),
        ({"threshold": 1.0}, {"threshold": float("nan")}, [False]),
        ({"epsilon": float("nan")}, {"epsilon": 0.1}, [False]),
        ({"epsilon": float("inf")}, {"epsilon": 0.1}, [False]),
        ({"threshold": float("nan")}, {"threshold": float("nan")}, []),
        ({"verdict": "better"}, {"verdict": "worse"}, [False]),
        ({"is_constant": True}, {"is_constant": 1}, [False]),
        ({"value": None}, {"value": 0.0}, [False]),
        ({"value": 1}, {"value": "1"}, [False]),
        ({"a": 1}, {}, [False]),
        ({}, {"a": 1}, [False]),
        ([1, 2], [1], [False]),
        ([{"a": 1}], [{"a": 2}], [False]),
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}, []),
    ],
)
def test_a_value_is_judged_by_its_key_and_type(
    committed: Any, recomputed: Any, expected: list[bool]
) -> None:
    assert verdicts(committed, recomputed) == expected


def test_a_difference_tells_place_values_and_tolerance() -> None:
    found = list(compare_values("t.json", [{"x": {"y": 1.0}}], [{"x": {"y": 2.0}}]))
    expected = "t.json [0].x.y: committed 1.0, recomputed 2.0, tolerance 1e-05"
    assert list(map(str, found)) == [expected]


def compare(tmp_path: Path, theirs: dict[str, str], ours: dict[str, str], **how: Any) -> Comparison:
    for folder, files in (("committed", theirs), ("recomputed", ours)):
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text, encoding="utf-8")
    return compare_tracked(tmp_path / "committed", tmp_path / "recomputed", **how)


def allowed(comparison: Comparison) -> list[bool]:
    return [item.is_allowed for item in comparison.differences]


def test_a_csv_cell_beyond_tolerance_is_found(tmp_path: Path) -> None:
    found = compare(
        tmp_path,
        {"t.csv": "n,disagreements\n80000,3\n"},
        {"t.csv": "n,disagreements\n80000,9\n"},
    )
    assert [(item.key, item.is_allowed) for item in found.differences] == [
        ("rows[0].disagreements", False)
    ]


def test_a_missing_csv_row_is_found(tmp_path: Path) -> None:
    assert allowed(compare(tmp_path, {"t.csv": "a\n1\n2\n"}, {"t.csv": "a\n1\n"})) == [False]


def test_a_renamed_csv_column_is_found(tmp_path: Path) -> None:
    found = compare(tmp_path, {"t.csv": "a\n1\n"}, {"t.csv": "b\n1\n"})
    assert [item.key for item in found.differences] == ["header[0]", "rows[0].a", "rows[0].b"]


def test_a_truncated_table_is_a_failure(tmp_path: Path) -> None:
    assert allowed(compare(tmp_path, {"t.json": '{"a"'}, {"t.json": '{"a": 1}'})) == [False]


def test_a_column_lost_from_a_table_without_rows_is_found(tmp_path: Path) -> None:
    found = compare(tmp_path, {"t.csv": "a,b\n"}, {"t.csv": "a\n"})
    assert [item.key for item in found.differences] == ["header"]


def test_a_card_must_be_equal_while_tables_are(tmp_path: Path) -> None:
    table = {"t.json": '{"epsilon": 0.1}'}
    assert allowed(compare(tmp_path, {**table, "c.md": "a"}, {**table, "c.md": "b"})) == [False]


def test_a_card_may_differ_where_its_tables_do(tmp_path: Path) -> None:
    found = compare(
        tmp_path,
        {"t.json": '{"epsilon": 0.1}', "c.md": "a"},
        {"t.json": '{"epsilon": 0.10001}', "c.md": "b"},
    )
    assert allowed(found) == [True, True]


def test_a_report_may_differ_where_earlier_tables_do(tmp_path: Path) -> None:
    assert allowed(compare(tmp_path, {"c.md": "a"}, {"c.md": "b"}, tables_equal=False)) == [True]


def test_a_redrawn_figure_is_told_but_allowed(tmp_path: Path) -> None:
    found = compare(tmp_path, {"f.svg": "a"}, {"f.svg": "b"}, exact_files=True)
    assert allowed(found) == [True]


@pytest.mark.parametrize("exact", [True, False])
def test_a_binary_file_must_be_equal_where_asked(tmp_path: Path, exact: bool) -> None:
    found = compare(tmp_path, {"w.bin": "a"}, {"w.bin": "b"}, exact_files=exact)
    assert allowed(found) == [not exact]


def test_a_file_that_is_not_recomputed_is_a_failure(tmp_path: Path) -> None:
    assert allowed(compare(tmp_path, {"w.bin": "a"}, {})) == [False]


def test_a_partial_recomputation_may_lack_files(tmp_path: Path) -> None:
    found = compare(tmp_path, {"w.bin": "a"}, {}, partial=True)
    assert (allowed(found), found.not_recomputed) == ([], ("w.bin",))


def test_an_extra_file_is_a_failure_even_in_a_partial_one(tmp_path: Path) -> None:
    assert allowed(compare(tmp_path, {}, {"x.json": "{}"}, partial=True)) == [False]


@pytest.mark.parametrize("exact", [True, False])
def test_changed_bulk_is_told_and_fails_where_exact(exact: bool) -> None:
    found = compare_hashes({"a": "1"}, {"a": "2"}, partial=False, exact=exact)
    assert allowed(found) == [not exact]


def test_missing_bulk_fails_a_full_recomputation() -> None:
    assert allowed(compare_hashes({"a": "1"}, {}, partial=False, exact=False)) == [False]


def test_extra_bulk_fails() -> None:
    assert allowed(compare_hashes({}, {"a": "1"}, partial=True, exact=False)) == [False]
