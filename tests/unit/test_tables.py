"""Declared tables: what is written is read back, anything else is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import pytest

from mechval import tables
from mechval.errors import MechvalError


class Colour(StrEnum):
    RED = "red"
    NONE = ""


@dataclass(frozen=True)
class Part:
    n: int = tables.told("N")
    wrong: int = tables.count()
    share: float = tables.rate("ε", unit="%")


@dataclass(frozen=True)
class Row:
    name: str
    colour: Colour = tables.told()
    whole: Part = tables.told()
    strata: Mapping[str, Part] = tables.told()
    scores: Mapping[str, float] = tables.number(unit="bits")
    counts: Mapping[str, int | None] = tables.count(of="whole.n")
    places: tuple[int, ...] = tables.told()
    note: str | None = tables.told()
    is_kept: bool = tables.told()
    extra: Part | None = None


@dataclass(frozen=True)
class LongerRow(Row):
    secret: str = "never declared"


@dataclass(frozen=True)
class Object:
    part: Part
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part] = field(default_factory=dict)
    value: float | None = None
    flags: tuple[bool, ...] = ()


TABLE = tables.Table("circuit/deep/rows.csv", Row)
RECORD = tables.Record("circuit/object.json", Object)
PART = Part(8, 2, 0.25)
ROW = Row(
    name='says "a, b"\nand more',
    colour=Colour.RED,
    whole=PART,
    strata={"SAT": PART, "UNSAT": Part(1, 0, 0.0)},
    scores={"prefix equivalence/parse": 0.5},
    counts={"parse": 3, "output": None},
    places=(1, 2),
    note=None,
    is_kept=True,
    extra=Part(1, 1, 1.0),
)


def written(folder: Path, *rows: Row) -> str:
    TABLE.write(rows, folder)
    return (folder / "deep" / "rows.csv").read_text(encoding="utf-8")


def overwrite(folder: Path, text: str) -> None:
    (folder / "deep").mkdir(exist_ok=True)
    (folder / "deep" / "rows.csv").write_text(text, encoding="utf-8")


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = (ROW, replace(ROW, note="a", colour=Colour.NONE, places=(), extra=None, is_kept=False))
    written(tmp_path, *rows)
    assert TABLE.read(tmp_path) == rows


def test_columns_follow_the_fields_and_are_dotted_where_nested(tmp_path: Path) -> None:
    header = written(tmp_path, ROW).splitlines()[0].split(",")
    assert header == [
        *("name", "colour", "whole.n", "whole.wrong", "whole.share"),
        *(f"strata.{name}.{part}" for name in ("SAT", "UNSAT") for part in ("n", "wrong", "share")),
        *("scores.prefix equivalence/parse", "counts.parse", "counts.output"),
        *("places", "note", "is_kept", "extra.n", "extra.wrong", "extra.share"),
    ]


def test_a_row_without_a_key_of_others_leaves_its_cells_empty(tmp_path: Path) -> None:
    rows = (replace(ROW, scores={}, strata={}), ROW)
    written(tmp_path, *rows)
    assert TABLE.read(tmp_path) == rows


def test_no_rows_leave_the_columns_that_every_table_has(tmp_path: Path) -> None:
    text = written(tmp_path)
    assert text == "name,colour,whole.n,whole.wrong,whole.share,places,note,is_kept\n"
    assert TABLE.read(tmp_path) == ()


def test_floats_keep_seven_digits(tmp_path: Path) -> None:
    written(tmp_path, replace(ROW, scores={"a": 1 / 3, "b": 1e-12 / 3}))
    assert TABLE.read(tmp_path)[0].scores == {"a": 0.3333333, "b": 3.333333e-13}
    RECORD.write(Object(Part(3, 1, 1 / 3)), tmp_path)
    assert RECORD.read(tmp_path).part.share == 0.3333333


def test_what_a_subclass_adds_is_not_written(tmp_path: Path) -> None:
    assert written(tmp_path, LongerRow(**vars(ROW))) == written(tmp_path, ROW)


def test_equal_rows_make_equal_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    assert written(tmp_path, ROW) == written(tmp_path, ROW)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["rows.csv"]


def test_a_failing_write_leaves_the_old_table(tmp_path: Path) -> None:
    before = written(tmp_path, ROW)
    with pytest.raises(ValueError, match=r"scores\.a\.b is no column"):
        written(tmp_path, replace(ROW, scores={"a.b": 1.0}))
    assert (tmp_path / "deep" / "rows.csv").read_text(encoding="utf-8") == before


def test_a_list_entry_with_a_space_is_refused(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Words:
        words: tuple[str, ...]

    table = tables.Table("a/b.csv", Words)
    with pytest.raises(ValueError, match="words holds"):
        table.write([Words(("two words",))], tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text[:-1], "its last row is cut off"),
        (lambda text: "", "its last row is cut off"),
        (lambda text: text.replace("whole.n", "whole.m", 1), "unknown column whole.m"),
        (lambda text: text.replace("name,", "name.x,", 1), "unknown column name.x"),
        (lambda text: text.replace(".SAT.n", ".SAT.m", 1), "unknown column strata.SAT.m"),
        (lambda text: text.replace("note,", "name,", 1), "a column occurs twice"),
        (lambda text: text.replace("True", "perhaps"), "is_kept"),
        (lambda text: text.replace(",8,", ",8.5,", 1), "whole.n"),
        (lambda text: text.replace("red", "green"), "colour"),
        (lambda text: text.replace(",8,", ",,8,", 1), "more or fewer cells"),
        (lambda text: "a,b\n1,2\n", "unknown column a"),
        (lambda text: "name\nx\n", "column colour is missing"),
        (lambda text: "\n", "column colour is missing"),
        (lambda text: text.replace("red", "r" * 200_000, 1), "field larger than field limit"),
    ],
)
def test_a_damaged_or_foreign_table_is_refused_by_name(tmp_path: Path, change, fault: str) -> None:
    overwrite(tmp_path, change(written(tmp_path, ROW)))
    with pytest.raises(MechvalError) as refusal:
        TABLE.read(tmp_path)
    assert "deep/rows.csv is not the table that is declared" in str(refusal.value)
    assert fault in str(refusal.value)


def test_a_missing_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"rows\.csv is missing"):
        TABLE.read(tmp_path)
    with pytest.raises(MechvalError, match=r"object\.json is missing"):
        RECORD.read(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    written(tmp_path, ROW)
    (tmp_path / "deep" / "rows.csv").write_bytes(b"\xff\xfe\n")
    with pytest.raises(MechvalError, match=r"rows\.csv is not the table"):
        TABLE.read(tmp_path)


def test_an_object_comes_back_as_it_was(tmp_path: Path) -> None:
    value = Object(PART, (PART, PART), {"a.b": PART}, None, (True, False))
    RECORD.write(value, tmp_path)
    assert RECORD.read(tmp_path) == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "it holds no object"),
        ("{", "object.json"),
        ('{"part": {"n": 1, "wrong": 0, "share": 0, "m": 1}}', "unknown key m"),
        ('{"part": {"n": 1, "wrong": 0, "share": 0}, "parts": [{"x": 1}]}', "unknown key x"),
        ('{"part": {"n": 1, "wrong": 0, "share": 0}, "by_name": {"a": {"y": 1}}}', "unknown key y"),
        ('{"part": {"n": 1, "wrong": 0}}', "part.share"),
        ('{"other": 1}', "unknown key other"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_damaged_or_foreign_object_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "object.json").write_text(text, encoding="utf-8")
    with pytest.raises(MechvalError) as refusal:
        RECORD.read(tmp_path)
    assert "object.json is not the table that is declared" in str(refusal.value)
    assert fault in str(refusal.value)


def test_a_column_is_as_its_field_declares_it() -> None:
    assert tables.columns_of(Part)["share"] == tables.Column("rate", "ε", "%")
    assert tables.columns_of(Row)["counts"].of == "whole.n"
    assert tables.columns_of(Row)["scores"] == tables.Column("number", "scores", "bits")


def test_an_undeclared_field_is_told_unless_it_holds_floats() -> None:
    kinds = {name: column.kind for name, column in tables.columns_of(Object).items()}
    assert kinds == {
        "part": "told",
        "parts": "told",
        "by_name": "told",
        "value": "number",
        "flags": "told",
    }
    assert tables.columns_of(Row)["is_kept"].title == "kept"
