"""What a study says about itself on its pages, as data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mechval.reporting.page.folder import RunFolder
from mechval.reporting.records import read_records


@dataclass(frozen=True)
class Component:
    """One step of the network, the program's step beside it, and the states after both.

    Attributes:
        name: as in the axiom table.
        network: what of the network it is.
        program: what the interpretation says it computes.
        network_state: the network's state behind it.
        program_state: the program's state behind it.
    """

    name: str
    network: str
    program: str
    network_state: str
    program_state: str


@dataclass(frozen=True)
class FigureNote:
    """Figures of a run and the one sentence that says what to see in them.

    Attributes:
        pattern: file name below the run's folder without its ending; ``*`` matches any text.
        section: ``axioms``, ``circuit``, ``nulls`` or ``training``.
        caption: the sentence.
    """

    pattern: str
    section: str
    caption: str


@dataclass(frozen=True)
class TableNote:
    """A table to show as it is.

    Attributes:
        file: below the run's folder.
        section: as in :class:`FigureNote`.
        caption: one sentence that says what to see.
        columns: title of each shown column, by its name in the file.
    """

    file: str
    section: str
    caption: str
    columns: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """An answer to one of the page's questions, computed from tables.

    Attributes:
        verdict: a few words.
        sentences: what it rests on, with N and the kind of evidence.
        header: titles of the columns of ``rows``.
        rows: details, as text.
        tone: ``good``, ``mixed``, ``bad`` or ``none``.
    """

    verdict: str
    sentences: tuple[str, ...]
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    tone: str = "none"


@dataclass(frozen=True)
class PageContent:
    """Everything a page says that does not come from the run's tables.

    Attributes:
        study: the study's name on the command line.
        title: what the study is about.
        claim: three sentences; a function of the run because sizes differ between runs.
        components: the steps, first to last.
        input_state: what both the network and the program start from.
        neurons_question: how the third question is put.
        neurons: its answer.
        names: what the parts of an interpretation's name mean.
        bar: an ε at or below this counts as holding. A stated convention, not a finding.
        nulls: table of cells of networks that the claim is false for, if the study has one.
        front: table of ε against size of program, if the study has one.
        figures: figures in the order in which they are shown.
        tables: tables in the order in which they are shown.
    """

    study: str
    title: str
    claim: Callable[[RunFolder], tuple[str, str, str]]
    components: tuple[Component, ...]
    input_state: str
    neurons_question: str
    neurons: Callable[[RunFolder], Answer]
    names: str
    bar: float = 0.05
    nulls: str | None = None
    front: str | None = None
    figures: tuple[FigureNote, ...] = field(default=())
    tables: tuple[TableNote, ...] = field(default=())


def load_figure_notes(path: Path) -> tuple[FigureNote, ...]:
    """Read notes from a CSV file with the columns ``pattern``, ``section`` and ``caption``.

    Raises:
        MechvalError: if it is no such table.
    """
    return read_records(path, FigureNote)
