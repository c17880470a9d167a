"""What pages say: blocks count from 0, as in the weights' names, and links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COUNTED_FROM_ONE = re.compile(
    r"\b(first|second)\s+(transformer\s+)?block\b|\bblocks?\s+(2|one|two)\b|\bblocks\s+1\s+and\b",
    re.IGNORECASE,
)
QUOTES_PAPER = ("residual stream after the first block (our block 0)",)
"""What the glossary explains in the paper's words."""


def texts() -> Iterator[Path]:
    """Every file that says something about the networks."""
    yield ROOT / "README.md"
    for folder in ("src", "docs", "conf"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md", ".j2", ".yaml", ".csv", ".svg"}:
                yield path


def counted_from_one(text: str) -> list[str]:
    """The phrases of a text that count blocks from 1, but for the quotations of the paper."""
    for quotation in QUOTES_PAPER:
        text = text.replace(quotation, "")
    return [match[0] for match in COUNTED_FROM_ONE.finditer(text)]


def test_blocks_count_from_0() -> None:
    found = {str(path.relative_to(ROOT)): counted_from_one(path.read_text("utf-8"))
             for path in texts()}  # fmt: skip
    assert {name: phrases for name, phrases in found.items() if phrases} == {}


@pytest.mark.parametrize(
    ("text", "n_found"),
    [
        ("After the second\nblock", 1),
        ("block 2 reads blocks 1 and 2", 2),
        ("block 0, then block 1's attention", 0),
        ("SecondBlock", 0),
        (QUOTES_PAPER[0], 0),
    ],
)
def test_counting_from_one_is_found(text: str, n_found: int) -> None:
    assert len(counted_from_one(text)) == n_found


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "results" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    """Formulas such as t[:i](x) are links to Markdown unless they stand as code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", prose)
    assert [to for to in targets if "://" not in to and not (page.parent / to).exists()] == []
