"""One self-contained HTML page per run, and an index over all runs: what a reviewer opens first.

Built from tracked tables and figures alone, and never part of a stage: no manifest lists it. It
knows no study: what a page says about one comes as :class:`~.content.PageContent`.
"""

from mechval.reporting.page.build import build_index, build_page
from mechval.reporting.page.content import (
    Answer,
    Component,
    FigureNote,
    PageContent,
    TableNote,
    load_figure_notes,
)
from mechval.reporting.page.folder import RunFolder

__all__ = [
    "Answer",
    "Component",
    "FigureNote",
    "PageContent",
    "RunFolder",
    "TableNote",
    "build_index",
    "build_page",
    "load_figure_notes",
]
