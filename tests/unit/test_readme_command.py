"""``python -m experiments.readme``: README and RESULTS say what the committed tables say."""

from pathlib import Path

import pytest

from experiments import readme

TEXT = "<!-- results:one -->\n| 0.4 |\n<!-- /results:one -->\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "results" / "toy" / "reference" / "axioms").mkdir(parents=True)
    for name in readme.FILES:
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(readme, "STUDIES", {"toy": {"one": lambda runs: f"| {len(runs)} run |"}})
    return tmp_path


def test_a_check_finds_an_edited_numeral_and_changes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert readme.main(check=True, root=root) == 1
    assert "README.md: differs from the tables" in capsys.readouterr().err
    assert (root / "README.md").read_text(encoding="utf-8") == TEXT


def test_rewriting_makes_the_check_pass(root: Path) -> None:
    assert readme.main(check=False, root=root) == 0
    assert "| 1 run |" in (root / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    assert readme.main(check=True, root=root) == 0


def test_the_committed_files_say_what_the_committed_tables_say() -> None:
    assert readme.main(check=True) == 0
