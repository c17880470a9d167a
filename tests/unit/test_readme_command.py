"""``python -m experiments.readme``: README and RESULTS say what the committed tables say."""

import re
from base64 import b64encode
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from experiments import readme

ROOT = Path(__file__).resolve().parents[2]
TEXT = "<!-- results:one -->\n| 0.4 |\n<!-- /results:one -->\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "results" / "toy" / "reference" / "axioms").mkdir(parents=True)
    for name in readme.FILES:
        (tmp_path / name).write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(readme, "STUDIES", {"toy": {"one": lambda runs: f"| {len(runs)} run |"}})
    monkeypatch.setattr(readme.two_sat, "PICTURES", {})
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


def packed(*values: float) -> str:
    table = b64encode(np.array(values, dtype="<f4").tobytes()).decode("ascii")
    return f'<p>text</p> {{"base": "{table}"}}'


def test_tables_in_pages_are_equal_up_to_rounding_and_no_further() -> None:
    assert readme.is_same(packed(1.0, 2.0), packed(1.0, 2.0 + 1e-6))
    assert not readme.is_same(packed(1.0, 2.0), packed(1.0, 2.01))
    assert not readme.is_same(packed(1.0, 2.0), packed(1.0, 2.0, 3.0))
    assert not readme.is_same(packed(1.0, 2.0), packed(1.0, 2.0).replace("text", "test"))


def test_the_committed_pages_are_small_and_load_nothing() -> None:
    for name in readme.PAGES:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert len(text) < 250_000
        assert re.findall(r'src="(?!data:)', text) == []
        links = re.findall(r'href="([^"#]+)"', text)
        assert links
        assert [
            to for to in links if not to.startswith("data:") and not (ROOT / "docs" / to).exists()
        ] == []


def test_pictures_in_pages_are_not_compared_and_what_stands_around_them_is() -> None:
    page = '<p>text</p><img src="data:image/svg+xml,{}">'
    assert readme.is_same(page.format("%3Csvg a"), page.format("%3Csvg b"))
    assert not readme.is_same(page.format("a"), page.format("a").replace("text", "test"))


def test_the_committed_page_of_the_proved_run_shows_attention_before_and_after() -> None:
    text = (ROOT / "docs" / "proved.html").read_text(encoding="utf-8")
    (picture,) = re.findall(r'src="data:image/svg\+xml,([^"]*)" alt="Attention of both', text)
    drawn = unquote(picture)
    assert "reference: before" in drawn
    assert "proved: after" in drawn
    assert 'id="before-and-after"' not in (ROOT / "docs" / "index.html").read_text("utf-8")


def test_the_committed_picture_says_what_the_committed_tables_say(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(ROOT / "results")
    (tmp_path / "docs").mkdir()
    readme.draw(tmp_path)
    drawn, committed = (
        re.findall(r">([^<>]+)</text>", (root / "docs/mechanism.svg").read_text(encoding="utf-8"))
        for root in (tmp_path, ROOT)
    )
    assert "proved: after" in drawn
    assert drawn == committed


def test_the_committed_files_say_what_the_committed_tables_say() -> None:
    assert readme.main(check=True, root=ROOT) == 0
