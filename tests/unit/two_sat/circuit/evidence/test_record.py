"""Evidence as files: what is written is what is read, and damage is refused."""

from pathlib import Path

import pytest

from mechval.errors import MechvalError
from mechval.two_sat.circuit.evidence.record import Evidence, Fact, load_evidence, save_evidence

PART = Evidence(
    {
        "one": [{"name": "¬x0", "value": 1 / 3, "n": 4, "clause": None, "is_on": True}],
        "two": [{"value": 1.0}, {"value": 2e-12}],
    },
    {"a.rate": Fact.rate(1, 3), "b": Fact(0.5)},
)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    evidence = Evidence.of([PART])
    save_evidence(evidence, tmp_path / "new")
    assert load_evidence(tmp_path / "new") == evidence


def test_floats_keep_seven_digits() -> None:
    evidence = Evidence.of([PART])
    assert evidence.facts["a.rate"] == Fact(0.3333333, 3, 1)
    assert evidence.tables["one"][0]["value"] == 0.3333333


@pytest.mark.parametrize("content", [None, "{", "[]", '{"a": {"wrong": 1}}'])
def test_missing_or_damaged_facts_are_refused(tmp_path: Path, content: str | None) -> None:
    save_evidence(PART, tmp_path)
    facts = tmp_path / "facts.json"
    facts.unlink() if content is None else facts.write_text(content)
    with pytest.raises(MechvalError, match=r"cannot be read; allowed: facts\.json and the tables"):
        load_evidence(tmp_path)


def test_evidence_without_a_table_is_refused(tmp_path: Path) -> None:
    save_evidence(Evidence({}, PART.facts), tmp_path)
    with pytest.raises(MechvalError, match="cannot be read"):
        load_evidence(tmp_path)
