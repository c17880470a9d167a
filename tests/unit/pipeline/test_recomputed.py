"""Tolerances of the verification, each from both sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mechval import tables
from mechval.pipeline.manifest import file_names
from mechval.pipeline.recomputed import (
    Comparison,
    compare_hashes,
    compare_tracked,
    compare_values,
)


@dataclass(frozen=True)
class Share:
    hits: int = tables.count(of="n")


@dataclass(frozen=True)
class Part:
    n: int = tables.told()
    misses: int = tables.count(of="n")


@dataclass(frozen=True)
class Row:
    """One field of each kind, with names that say nothing about it."""

    n: int = tables.told(default=80_000)
    flips: int = tables.count(of="n", default=40)
    share: float = tables.rate(default=0.1)
    chance: float = tables.derived(default=1e-9)
    threshold: float | None = tables.number(default=2.0)
    verdict: str = tables.told(default="better")
    size: int = tables.told(default=34)
    constant: bool = tables.told(default=True)
    exact: float = tables.told(default=0.5)
    part: Part = field(default_factory=lambda: Part(1000, 1))
    outer: Share = field(default_factory=lambda: Share(40))
    scores: Mapping[str, float] = tables.number(default_factory=lambda: {"a": 1.0})
    counts: Mapping[str, int] = tables.count(of="n", default_factory=lambda: {"SAT": 40})
    neurons: tuple[int, ...] = tables.told(default=(3, 5))
    epsilon_of_nothing: int = tables.told(default=7)


def verdicts(committed: Row, recomputed: Row) -> list[bool]:
    return [item.is_allowed for item in compare_values("t.json", committed, recomputed)]


@pytest.mark.parametrize(
    ("committed", "recomputed", "expected"),
    [
        ({}, {}, []),
        ({}, {"flips": 45}, [True]),
        ({}, {"flips": 35}, [True]),
        ({}, {"flips": 46}, [False]),
        ({"n": 16_000}, {"n": 16_000, "flips": 41}, [True]),
        ({"n": 16_000}, {"n": 16_000, "flips": 42}, [False]),
        ({}, {"part": Part(1000, 2)}, [False]),
        ({"part": Part(80_000, 1)}, {"part": Part(80_000, 6)}, [True]),
        ({}, {"outer": Share(45)}, [True]),
        ({}, {"outer": Share(46)}, [False]),
        ({}, {"counts": {"SAT": 45}}, [True]),
        ({}, {"counts": {"SAT": 46}}, [False]),
        ({}, {"counts": {"UNSAT": 40}}, [False, False]),
        ({}, {"share": 0.10008}, [True]),
        ({}, {"share": 0.10009}, [False]),
        ({"share": float("nan")}, {}, [False]),
        ({"share": float("inf")}, {}, [False]),
        ({}, {"chance": 1e-5}, [True]),
        ({}, {"threshold": 2.00001}, [True]),
        ({}, {"threshold": 2.00003}, [False]),
        ({"threshold": 0.0}, {"threshold": 1e-10}, [True]),
        ({"threshold": 0.0}, {"threshold": 1e-8}, [False]),
        ({}, {"threshold": float("nan")}, [False]),
        ({"threshold": float("nan")}, {"threshold": float("nan")}, []),
        ({}, {"threshold": None}, [False]),
        ({"threshold": None}, {"threshold": None}, []),
        ({}, {"scores": {"a": 1.000009}}, [True]),
        ({}, {"scores": {"a": 1.00002}}, [False]),
        ({}, {"n": 80_001}, [False]),
        ({}, {"size": 35}, [False]),
        ({}, {"exact": 0.5000001}, [False]),
        ({}, {"verdict": "worse"}, [False]),
        ({}, {"constant": False}, [False]),
        ({}, {"neurons": (3, 6)}, [False]),
        ({}, {"neurons": (3,)}, [False]),
        ({}, {"epsilon_of_nothing": 8}, [False]),
    ],
)
def test_a_value_is_judged_by_its_declaration(
    committed: dict[str, Any], recomputed: dict[str, Any], expected: list[bool]
) -> None:
    assert verdicts(Row(**committed), Row(**recomputed)) == expected


def test_a_count_out_of_nothing_is_a_fault_of_the_declaration() -> None:
    with pytest.raises(AttributeError, match="Share has no field 'n'"):
        list(compare_values("t.json", Share(1), Share(2)))


def test_a_difference_tells_place_values_and_tolerance() -> None:
    theirs, ours = [Row()], [Row(scores={"a": 2.0})]
    expected = "t.csv [0].scores.a: committed 1.0, recomputed 2.0, tolerance 1e-05"
    assert list(map(str, compare_values("t.csv", theirs, ours))) == [expected]


@dataclass(frozen=True)
class Cell:
    a: int = tables.count(of="b")
    b: int = tables.told()


DECLARED = (
    tables.Table("toy/t.csv", Cell),
    tables.Record("toy/t.json", Cell),
    tables.Record("toy/deep/x.json", Cell),
)


def compare(tmp_path: Path, theirs: dict[str, str], ours: dict[str, str], **how: Any) -> Comparison:
    for folder, files in (("committed", theirs), ("recomputed", ours)):
        for name, text in files.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(text, encoding="utf-8")
    committed = tmp_path / "committed"
    return compare_tracked(
        committed, file_names(committed), tmp_path / "recomputed", DECLARED, **how
    )


def allowed(comparison: Comparison) -> list[bool]:
    return [item.is_allowed for item in comparison.differences]


def test_a_csv_cell_beyond_tolerance_is_found(tmp_path: Path) -> None:
    found = compare(tmp_path, {"t.csv": "a,b\n3,80000\n"}, {"t.csv": "a,b\n9,80000\n"})
    assert [(item.key, item.is_allowed) for item in found.differences] == [("[0].a", False)]


def test_a_file_in_a_folder_is_found_by_its_declaration(tmp_path: Path) -> None:
    theirs, ours = {"deep/x.json": '{"a": 1, "b": 2}'}, {"deep/x.json": '{"a": 1, "b": 3}'}
    assert [item.key for item in compare(tmp_path, theirs, ours).differences] == ["b"]


def test_a_missing_csv_row_is_found(tmp_path: Path) -> None:
    table = "a,b\n1,2\n"
    assert allowed(compare(tmp_path, {"t.csv": f"{table}3,4\n"}, {"t.csv": table})) == [False]


@pytest.mark.parametrize("text", ["a,c\n1,2\n", "a\n1\n", "a,b\n1,", "a,b\n1\n", ""])
def test_a_table_that_is_not_the_declared_one_is_a_failure(tmp_path: Path, text: str) -> None:
    assert allowed(compare(tmp_path, {"t.csv": "a,b\n1,2\n"}, {"t.csv": text})) == [False]


def test_a_truncated_record_is_a_failure(tmp_path: Path) -> None:
    theirs, ours = {"t.json": '{"a"'}, {"t.json": '{"a": 1, "b": 2}'}
    assert allowed(compare(tmp_path, theirs, ours)) == [False]


@pytest.mark.parametrize("name", ["u.json", "u.csv", "deep/t.csv"])
@pytest.mark.parametrize("partial", [True, False])
def test_a_table_that_nobody_declared_is_a_failure(
    tmp_path: Path, name: str, partial: bool
) -> None:
    found = compare(tmp_path, {name: "{}"}, {name: "{}"}, partial=partial)
    assert [(item.committed, item.is_allowed) for item in found.differences] == [
        ("not declared", False)
    ]


def test_a_declared_table_that_one_side_lacks_is_a_failure(tmp_path: Path) -> None:
    assert allowed(compare(tmp_path, {"t.csv": "a,b\n"}, {})) == [False]


def test_a_card_must_be_equal_while_tables_are(tmp_path: Path) -> None:
    table = {"t.json": '{"a": 1, "b": 80000}'}
    assert allowed(compare(tmp_path, {**table, "c.md": "a"}, {**table, "c.md": "b"})) == [False]


def test_a_card_may_differ_where_its_tables_do(tmp_path: Path) -> None:
    found = compare(
        tmp_path,
        {"t.json": '{"a": 1, "b": 80000}', "c.md": "a"},
        {"t.json": '{"a": 2, "b": 80000}', "c.md": "b"},
    )
    assert allowed(found) == [True, True]


@pytest.mark.parametrize("ours", [{"f.svg": "b"}, {}])
def test_figures_are_not_compared(tmp_path: Path, ours: dict[str, str]) -> None:
    found = compare(tmp_path, {"f.svg": "a"}, ours, exact_files=True)
    assert (found.differences, found.not_recomputed) == ((), ())


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
    assert allowed(compare(tmp_path, {}, {"x.bin": "x"}, partial=True)) == [False]


@pytest.mark.parametrize("exact", [True, False])
def test_changed_bulk_is_told_and_fails_where_exact(exact: bool) -> None:
    found = compare_hashes({"a": "1"}, {"a": "2"}, partial=False, exact=exact)
    assert allowed(found) == [not exact]


def test_missing_bulk_fails_a_full_recomputation() -> None:
    assert allowed(compare_hashes({"a": "1"}, {}, partial=False, exact=False)) == [False]


def test_extra_bulk_fails() -> None:
    assert allowed(compare_hashes({}, {"a": "1"}, partial=True, exact=False)) == [False]
