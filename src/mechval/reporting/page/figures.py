"""Tracked figures as data URIs, with their captions."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from mechval.reporting.page.content import FigureNote
from mechval.reporting.page.folder import Notices, RunFolder

_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True)
class PageFigure:
    """A figure ready for a page.

    Attributes:
        file: below the run's folder, vector version.
        uri: the smaller of its two versions.
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
    paths = [folder.file(name), folder.file(f"{name.removesuffix('.svg')}.png")]
    smaller = min(paths, key=lambda path: path.stat().st_size)
    data = b64encode(smaller.read_bytes()).decode("ascii")
    return f"data:{_TYPES[smaller.suffix]};base64,{data}"
