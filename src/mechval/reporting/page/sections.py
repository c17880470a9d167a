"""What each section of a page shows, gathered from a run's files; what is unusable is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mechval.reporting.markdown import significant
from mechval.reporting.page import answers, charts
from mechval.reporting.page.cells import KINDS, PageCell, main_cells, read_cells, strongest
from mechval.reporting.page.content import Answer, PageContent, TableNote
from mechval.reporting.page.figures import PageFigure, find_figures
from mechval.reporting.page.folder import Notices, RunFolder

AXIOMS, PAPER, LEDGER = "axioms/axioms.csv", "report/paper.csv", "certify/ledger.csv"


@dataclass(frozen=True)
class CellText:
    """A table cell: its text, what it sorts by, and a shade between 0 and 1 (or none)."""

    text: str
    order: int | float | str = ""
    shade: float | None = None
    link: str = ""


@dataclass(frozen=True)
class PageTable:
    """A sortable table."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[CellText, ...], ...]
    caption: str = ""


@dataclass
class Section:
    """One section of the page.

    Attributes:
        sources: files that it was made from.
        texts: plain sentences.
        charts: elements made by Plotly, with a caption each.
    """

    id: str
    title: str
    notices: Notices = field(default_factory=Notices)
    texts: list[str] = field(default_factory=list)
    charts: list[tuple[str, str]] = field(default_factory=list)
    tables: list[PageTable] = field(default_factory=list)
    figures: list[PageFigure] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    html: str = ""


@dataclass(frozen=True)
class Question:
    """One of the four questions, with the id of its element."""

    id: str
    text: str
    answer: Answer


def four_questions(content: PageContent, folder: RunFolder) -> list[Question]:
    """The questions of a reviewer, answered from the tables, or why they cannot be."""
    notices = Notices()
    cells = notices.attempt(lambda: main_cells(read_cells(folder.table(AXIOMS))), [])
    nulls = Notices().attempt(lambda: null_cells(content, folder), [])
    bar = content.bar

    def from_cells(make: Callable[[], Answer]) -> Answer:
        return make() if cells else Answer("No answer yet", tuple(notices.sentences))

    own = Notices()
    neurons = own.attempt(lambda: content.neurons(folder), Answer("No answer yet", ()))
    if own.sentences:
        neurons = Answer("No answer yet", tuple(own.sentences))
    return [
        Question(
            "answer-confirmed",
            "Is the claim confirmed?",
            from_cells(lambda: answers.answer_confirmed(cells, nulls, bar)),
        ),
        Question(
            "answer-weakest",
            "Which axiom is weakest, and by how much?",
            from_cells(lambda: answers.answer_weakest(cells)),
        ),
        Question("answer-neurons", content.neurons_question, neurons),
        Question(
            "answer-failure",
            "What would make the claim fail?",
            from_cells(lambda: answers.answer_failure(cells, nulls, bar)),
        ),
    ]


def null_cells(content: PageContent, folder: RunFolder) -> list[PageCell]:
    """Cells of the networks that the claim is false for; their first interpretation each."""
    if content.nulls is None:
        return []
    cells = read_cells(folder.table(content.nulls))
    first = {cell.group.partition(" · ")[0]: cell.group for cell in reversed(cells)}
    return [cell for cell in cells if cell.group in first.values()]


def paper_section(folder: RunFolder) -> Section:
    """Printed numbers beside measured ones."""
    section = Section("paper", "Paper versus measured", sources=[PAPER])
    if not folder.matching(PAPER) and not folder.stages["report"].fault:
        section.texts.append("This run is of no size that the paper prints numbers for.")
        return section
    rows = section.notices.attempt(lambda: folder.table(PAPER), [])
    tally = {name: sum(row["verdict"] == name for row in rows) for name in _VERDICTS}
    if rows:
        counted = ", ".join(f"{count} {_AS_ADVERB[name]}" for name, count in tally.items() if count)
        section.texts += [
            f"{len(rows)} printed numbers beside this run's: {counted}. {_whose(folder)}",
            "Rates are compared by Fisher's exact test of the two counts (Holm-corrected; agrees: "
            "p > 0.01), else close within 10 %, else differs; numbers without a sample agree at "
            "the printed digits.",
        ]
        table = section.notices.attempt(lambda: _paper_table(rows), None)
        section.tables += [table] if table else []
    return section


def axiom_section(content: PageContent, folder: RunFolder) -> Section:
    """The axiom table: shaded cells to hover over, and every row to sort."""
    section = Section("axioms", "Axioms", sources=[AXIOMS])
    cells = section.notices.attempt(lambda: read_cells(folder.table(AXIOMS)), [])
    if cells:
        section.texts.append(
            "Each cell asks whether network and program agree in one of four ways, at one "
            "component. ε bounds from above how often they do not; where the evidence is exact, ε "
            "is the rate itself. The darker, the more disagreement. Hover over a cell, or tap it, "
            "for N, the counts by class and both bounds: for the cell alone, and for all at once. "
            "The menu shows other readings of the network; the first is the one that is claimed."
        )
        section.texts.append(content.names)
        section.charts.append(
            (_cells_chart(cells, "chart-axioms"), f"ε of every cell, {_evidence(cells)}.")
        )
        section.tables.append(_axiom_table(cells))
    _front(content, folder, section)
    _extras(content, folder, section)
    return section


_LEDGER_CHART = (
    "Rates of statements about the network and the claimed interpretation, and how they are "
    "known; the table has all."
)


def ledger_section(folder: RunFolder) -> Section:
    """What is proved, what is counted, what is sampled."""
    section = Section("ledger", "What is proved, what is counted, what is sampled")
    if "certify" not in folder.stages:
        section.texts.append(
            "This run has no certificates (stage certify): its axiom table is all there is, with "
            "the kind of evidence in every row."
        )
        return section
    section.sources = [LEDGER]
    rows = section.notices.attempt(lambda: folder.table(LEDGER), [])
    if rows:
        kinds = [f"{sum(row['kind'] == kind for row in rows)} {kind}" for kind in KINDS]
        section.texts.append(f"{len(rows)} statements: {', '.join(kinds)}.")
        chart = section.notices.attempt(
            lambda: charts.chart_html(charts.draw_ledger(rows), "chart-ledger"), ""
        )
        if chart:
            section.charts.append((chart, _LEDGER_CHART))
        table = section.notices.attempt(lambda: _ledger_table(rows), None)
        section.tables += [table] if table else []
    return section


def null_section(content: PageContent, folder: RunFolder) -> Section:
    """The same table where the claim is false."""
    section = Section("nulls", "Null results: the same table where the claim is false")
    if content.nulls:
        section.sources = [content.nulls]
        cells = section.notices.attempt(lambda: read_cells(folder.table(content.nulls or "")), [])
        if cells:
            section.texts.append(
                "If these cells were pale too, the pale cells above would mean nothing. A pale "
                "cell here is marked by its verdict: a network that always answers the same cannot "
                "be told from its replacement."
            )
            caption = f"ε on networks for which the claim is false, {_evidence(cells)}."
            section.charts.append((_cells_chart(cells, "chart-nulls"), caption))
            section.tables.append(_axiom_table(cells, "table-nulls"))
    _extras(content, folder, section)
    return section


def figure_section(content: PageContent, folder: RunFolder, name: str, title: str) -> Section:
    """A section of figures and tables only."""
    section = Section(name, title)
    _extras(content, folder, section)
    if name == "circuit" and folder.stages["report"].fault:
        section.notices.attempt(lambda: folder.manifest("report"), None)
    if not section.figures and not section.tables and not section.notices.sentences:
        section.texts.append("This run has nothing to show here.")
    return section


def _extras(content: PageContent, folder: RunFolder, section: Section) -> None:
    section.figures = find_figures(content.figures, section.id, folder, section.notices)
    for note in content.tables:
        if note.section == section.id and folder.matching(note.file):
            table = section.notices.attempt(lambda note=note: _noted_table(note, folder), None)
            section.tables += [table] if table else []
            section.sources.append(note.file)


def _front(content: PageContent, folder: RunFolder, section: Section) -> None:
    if content.front and folder.matching(content.front):
        chart = section.notices.attempt(
            lambda: charts.chart_html(
                charts.draw_front(folder.table(content.front or "")), "chart-front"
            ),
            "",
        )
        if chart:
            caption = (
                "ε of evaluate against the size of the program, each point sampled (N on hover): a "
                "longer program should buy a lower ε."
            )
            section.charts.append((chart, caption))
            section.sources.append(content.front)


def _cells_chart(cells: Sequence[PageCell], name: str) -> str:
    shown = strongest(cells)
    axioms = list(dict.fromkeys(cell.axiom for cell in shown))
    components = list(dict.fromkeys(cell.component for cell in shown))
    return charts.chart_html(charts.draw_cells(shown, axioms, components), name)


def _evidence(cells: Sequence[PageCell]) -> str:
    kinds = {(cell.kind, cell.n) for cell in strongest(cells)}
    return " and ".join(f"{kind} (N = {n:,})" for kind, n in sorted(kinds))


_VERDICTS = ("agrees", "close", "differs")
_AS_ADVERB = {"agrees": "agree", "close": "are close", "differs": "differ"}


def _whose(folder: RunFolder) -> str:
    if "checkpoint_sha256" in folder.manifest("train").config:
        return "This is the authors' own network, so a number that differs was not reproduced."
    return (
        "This network was trained here and is not the paper's, so a difference refutes nothing: "
        "the column “against the paper” says which ε is the smaller."
    )


def _against(row: Mapping[str, str]) -> str:
    if row["published.kind"] != "epsilon":
        return ""
    measured = float(row["calibrated.value"] or row["measured.value"])
    # As printed, to three digits: bounds at slightly different N are the same.
    return "above" if float(f"{measured:.3g}") > float(row["published.printed"]) else "at or below"


def _paper_table(rows: Sequence[Mapping[str, str]]) -> PageTable:
    has_calibrated = any(row["calibrated.value"] for row in rows)
    header = [
        "quantity",
        "paper",
        "this run",
        "evidence",
        "verdict",
        "against the paper",
        "deviation",
    ]
    lines = []
    for row in rows:
        line = [
            CellText(row["published.quantity"]),
            CellText(
                _with_n(row["published.printed"], row["published.n"]),
                float(row["published.printed"]),
            ),
            _measured(row, "measured"),
            CellText("sampled" if row["measured.n"] else "not a rate"),
            CellText(row["verdict"]),
            CellText(_against(row)),
            CellText(
                row["published.deviation"],
                link=f"#{row['published.deviation']}" if row["published.deviation"] else "",
            ),
        ]
        if has_calibrated:
            line.insert(3, _measured(row, "calibrated"))
        lines.append(tuple(line))
    if has_calibrated:
        header.insert(3, "this run, calibrated reading")
    return PageTable("table-paper", tuple(header), tuple(lines))


def _measured(row: Mapping[str, str], column: str) -> CellText:
    value, count, n = (row[f"{column}.{part}"] for part in ("value", "count", "n"))
    if not value:
        return CellText("")
    counted = f" ({int(count):,} of {int(n):,})" if count and n else ""
    return CellText(significant(float(value)) + counted, float(value))


def _with_n(printed: str, n: str) -> str:
    return f"{printed} (N = {int(n):,})" if n else printed


def _axiom_table(cells: Sequence[PageCell], name: str = "table-axioms") -> PageTable:
    header = (
        "interpretation",
        "axiom",
        "component",
        "ε",
        "disagreements",
        "N",
        "evidence",
        "ε, all at once",
        "verdict",
    )
    return PageTable(name, header, tuple(map(_axiom_row, cells)))


def _axiom_row(cell: PageCell) -> tuple[CellText, ...]:
    together = cell.simultaneous
    return (
        CellText(cell.group),
        CellText(cell.axiom),
        CellText(cell.component),
        CellText(significant(cell.epsilon), cell.epsilon, charts.shade(cell.epsilon)),
        CellText(f"{cell.disagreements:,}", cell.disagreements),
        CellText(f"{cell.n:,}", cell.n),
        CellText(cell.kind),
        CellText("" if together is None else significant(together), together or 0.0),
        CellText(cell.verdict or (f"= {cell.note}" if cell.note else "")),
    )


def _ledger_table(rows: Sequence[Mapping[str, str]]) -> PageTable:
    columns = {
        "statement": "statement",
        "kind": "how it is known",
        "domain": "over",
        "distribution": "weighed by",
        "count_lower": "count, at least",
        "count_upper": "count, at most",
        "total": "of",
        "value_lower": "rate, at least",
        "value_upper": "rate, at most",
        "n": "N sampled",
        "confidence": "confidence",
        "margin": "margin",
        "numerical_error": "numerical error",
        "stopped_by": "stopped by",
    }
    header = ("no.", *columns.values())
    lines = tuple(
        (CellText(str(at), at), *(_plain(row[name]) for name in columns))
        for at, row in enumerate(rows, 1)
    )
    return PageTable("table-ledger", header, lines)


def _noted_table(note: TableNote, folder: RunFolder) -> PageTable:
    rows = folder.table(note.file)
    lines = tuple(tuple(_plain(row[name]) for name in note.columns) for row in rows)
    name = f"table-{Path(note.file).stem}"
    return PageTable(name, tuple(note.columns.values()), lines, note.caption)


def _plain(text: str) -> CellText:
    if text.isdigit():
        # Counts of certificates are longer than floats are exact: they stay text.
        return CellText(f"{int(text):,}", float(text))
    try:
        value = float(text)
    except ValueError:
        return CellText(text)
    return CellText(significant(value), value)
