"""The page of one explained input: its drawing, then the terminal's tables as tables."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType

from mechval.reporting.html import page


def build_explained(path: Path, title: str, parts: Sequence[RenderableType], drawing: str) -> Path:
    """Write the page; raises MechvalError if it cannot be written."""
    shown = {"title": title, "drawing": drawing, "parts": parts, "zip": zip}
    return page.write(path, page.render_template("explained.html.j2", **shown))
