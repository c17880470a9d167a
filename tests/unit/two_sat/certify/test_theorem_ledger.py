"""A theorem in the ledger and in the report: proved cells, or what is missing."""

from pathlib import Path

import pytest

from mechval.axioms import EvidenceKind
from mechval.errors import MechvalError
from mechval.reporting import report
from mechval.two_sat.certify import ledger
from mechval.two_sat.certify.counting.tables import AnswerCount
from mechval.two_sat.certify.theorem.lemmas import write_theorem
from mechval.two_sat.certify.theorem.theorem import THEOREM, Theorem
from mechval.two_sat.report import content, ledger_sections
from tests.settings import TWO_SAT
from tests.theorem_networks import FAULTS, FOUR, changed, proper_network, proved


def theorem_in(folder: Path, fault: str | None = None) -> Theorem:
    model = proper_network(FOUR, 0)
    theorem = proved(changed(model, FAULTS[fault]) if fault else model, FOUR, folder)
    write_theorem(theorem, folder)
    return theorem


def section_of(folder: Path) -> str:
    files = report.RunFiles(TWO_SAT, 0, {"certify": folder})
    (maker,) = report.with_figures([ledger_sections.theorem], *content.FIGURES)
    section = report.make_section(maker, files)
    assert section is not None
    assert report.make_section(ledger_sections.drift, files) is None
    for figure in section.figures:
        figure.draw()
    return report.render_markdown("", [section], content.PACKAGE)


def test_a_proved_network_has_certified_zeros(tmp_path: Path) -> None:
    theorem = theorem_in(tmp_path)
    statements = ledger.theorem_statements(theorem, FOUR)
    assert {statement.kind for statement in statements} == {EvidenceKind.CERTIFIED}
    assert {statement.count_upper for statement in statements} == {0}
    assert {statement.total for statement in statements} == {20_736}
    whole = [s for s in statements if s.interpretation == theorem.interpretations[0]]
    assert len(whole) == 12
    assert "answers every one of the 20,736 formulas rightly" in section_of(tmp_path)


def test_an_open_theorem_says_what_is_missing(tmp_path: Path) -> None:
    theorem = theorem_in(tmp_path, "a neuron forgets a clause")
    answer, *cells = ledger.theorem_statements(theorem, FOUR)
    assert answer.kind is EvidenceKind.UNKNOWN
    assert answer.stopped_by is not None
    assert answer.stopped_by.startswith("neurons: ")
    assert {cell.component for cell in cells} == {"parse"}
    assert "**Not proved** for this network" in section_of(tmp_path)


def test_same_network_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        theorem_in(folder)
    first, second = ((folder / "theorem.json").read_bytes() for folder in folders)
    assert first == second
    assert THEOREM.read(folders[0]).sealed().content_sha256 in first.decode()


def test_a_count_that_contradicts_the_theorem_is_refused(tmp_path: Path) -> None:
    theorem = theorem_in(tmp_path)
    wrong = AnswerCount(
        quantity="error",
        stratum="all",
        count_lower=3,
        count_upper=3,
        total=20_736,
        value_lower=3 / 20_736,
        value_upper=3 / 20_736,
    )
    with pytest.raises(MechvalError, match="3 wrong answers after γ_1"):
        ledger.refuse_contradiction(theorem, [wrong])
