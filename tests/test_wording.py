"""What pages say: blocks count from 0, as in the weights' names, and links lead somewhere."""

import ast
import os
import re
import subprocess
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


NAMES_FILE = re.compile(
    r"(?<![\w/:<>{}*-])((?:[\w.-]+/)*[\w-]+\.(?:py|md|svg|html|png|csv|json|yaml|toml|txt|pth|sh|ipynb|cff))\b"
)
MADE = {
    *("run.json", "results/index.html", "cells.svg", "gpu.json", "controls.csv"),
    *("interpretation.json", "theorem_listing.csv", "../../../deviations.html"),
    *(f"mechanism_{part}.csv" for part in ("attention", "heads", "neurons")),
    *("../x.csv", "reporting.html"),  # an example of a link, and a package
}
"""Written by commands, and not committed."""


def unknown_files(text: str, place: str, known: set[str]) -> set[str]:
    """The files that a text names and that are neither beside its own nor anywhere below."""
    found = set()
    for name in NAMES_FILE.findall(text):
        beside = os.path.normpath(f"{Path(place).parent.as_posix()}/{name}")
        ends = any(f"/{path}".endswith(f"/{name}") for path in known)
        if not ends and beside not in known and name not in MADE:
            found.add(name)
    return found


def told() -> Iterator[tuple[str, str]]:
    """Pages and docstrings, each with the path of its file."""
    for path in [*PAGES, ROOT / "benchmarks" / "README.md", *(ROOT / "src").rglob("README.md")]:
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for folder in ("src", "experiments", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    yield path.relative_to(ROOT).as_posix(), ast.get_docstring(node) or ""


@pytest.fixture(scope="module")
def committed() -> set[str]:
    return set(subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines())


def test_pages_and_docstrings_name_no_file_that_is_not_here(committed: set[str]) -> None:
    found = {
        (place, name) for place, text in told() for name in unknown_files(text, place, committed)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("see NOTES.md section 2", {"NOTES.md"}),
        ("[drawn](../docs/GONE.svg)", {"../docs/GONE.svg"}),
        ("[drawn](../docs/axioms.svg), README.md, axioms.csv and run.json", set()),
    ],
)
def test_a_file_that_is_not_here_is_found(text: str, names: set[str], committed: set[str]) -> None:
    assert unknown_files(text, "docs/PAGE.md", committed) == names
