"""Tables in the terminal: texts are shown as they are."""

import pytest

from mechval.reporting.terminal import axiom_table, grid, show
from tests.unit.axioms.toy import a, evaluate_toy, make_toy


def test_a_table_shows_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    show([grid(("[bold]x",), [("[red]y",)], title="t")])
    out = capsys.readouterr().out
    assert "[bold]x" in out
    assert "[red]y" in out


def test_an_axiom_table_has_a_row_per_axiom(capsys: pytest.CaptureFixture[str]) -> None:
    show([axiom_table(evaluate_toy(make_toy()))])
    out = capsys.readouterr().out
    assert out.count("equivalence") == out.count("replaceability") == 2
    assert f"{a} of 200" in out
