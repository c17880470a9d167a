"""Tracked figures as data URIs, with their captions."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from mechval.reporting.page.content import FigureNote
from mechval.reporting.page.folder import Notices, RunFolder


@dataclass(frozen=True)
class PageFigure:
    """A figure ready for a page.

    Attributes:
        file: below the run's folder.
    """

    name: str
    file: str
    uri: str
    caption: str


def find_figures(
    notes: tuple[FigureNote, ...], section: str, folder: RunFolder, notices: Notices
) -> list[PageFigure]:
    """The figures of a section that this run has, in the notes' order."""
    found: list[PageFigure] = []
    for note in notes:
        if note.section == section:
            for name in folder.matching(f"{note.pattern}.svg"):
                uri = notices.attempt(lambda name=name: _uri(folder, name), "")
                if uri:
                    found.append(PageFigure(Path(name).stem, name, uri, note.caption))
    return found


def _uri(folder: RunFolder, name: str) -> str:
    data = b64encode(folder.file(name).read_bytes()).decode("ascii")
    return f"data:image/svg+xml;base64,{data}"
