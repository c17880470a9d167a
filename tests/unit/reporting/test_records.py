"""Tables are read back as records; what is not the table is refused by its name."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.reporting.records import read_object, read_records
from mechval.reporting.tables import write_csv, write_json


@dataclass(frozen=True)
class Part:
    n: int


@dataclass(frozen=True)
class Record:
    name: str
    rate: float
    verdict: str | None
    parts: dict[str, Part]


WRITTEN = "name,rate,verdict,parts.SAT.n,parts.UNSAT.n\na,0.5,,3,4\nb,1.0,good,5,6\n"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    row = {"name": "a", "rate": 0.5, "verdict": None, "parts.SAT.n": 3, "parts.UNSAT.n": 4}
    write_csv([row], path)
    assert read_records(path, Record) == (
        Record("a", 0.5, None, {"SAT": Part(3), "UNSAT": Part(4)}),
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "it is empty or its last row is cut off"),
        (WRITTEN.splitlines()[0] + "\n", "it is empty or its last row is cut off"),
        (WRITTEN[:-1], "it is empty or its last row is cut off"),
        (WRITTEN[:-3] + "\n", "a row has more or fewer cells"),
        (WRITTEN.replace("1.0", "1.0,2"), "a row has more or fewer cells"),
        (WRITTEN.replace("1.0", "many"), "rate: "),
        (WRITTEN.replace("parts.SAT.n", "parts"), "not the table"),
        (WRITTEN.replace("SAT.n", "SAT.m"), "n: "),
        ("step,loss\n1,0.5\n", "name: "),
    ],
    ids=["empty", "header alone", "no last line end", "row cut off", "extra cell", "no number",
         "parts of nothing", "other part", "foreign"],
)  # fmt: skip
def test_another_table_is_refused_by_name(tmp_path: Path, content: str, fault: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(MechvalError, match=r"table\.csv is not the table that") as refusal:
        read_records(path, Record)
    assert fault in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe" + WRITTEN.encode())
    with pytest.raises(MechvalError, match=r"table\.csv is not the table that"):
        read_records(path, Record)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"table\.csv is missing"):
        read_records(tmp_path / "table.csv", Record)
    with pytest.raises(MechvalError, match=r"facts\.json is missing"):
        read_object(tmp_path / "facts.json", Part)


def test_an_object_is_read(tmp_path: Path) -> None:
    write_json({"n": 3}, tmp_path / "facts.json")
    assert read_object(tmp_path / "facts.json", Part) == Part(3)


@pytest.mark.parametrize("content", ["", '{"n": 3', "[]", '{"m": 3}', '{"n": "three"}'])
def test_another_object_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(MechvalError, match=r"facts\.json is not the table that the report needs"):
        read_object(path, Part)
