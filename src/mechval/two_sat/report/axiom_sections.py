"""Sections on the axioms: every cell, null networks, and the axioms over training."""

from collections.abc import Sequence
from itertools import groupby

from mechval.axioms import progress as progress_rows
from mechval.axioms.report import CELLS, INTERPRETATIONS, Cell, InterpretationRow
from mechval.reporting.figures_progress import error_of, progress_figures
from mechval.reporting.html import charts
from mechval.reporting.markdown import significant
from mechval.reporting.report import CellText, Figure, RunFiles, Section, Shown, counted, show
from mechval.two_sat.formulas.card import DATA
from mechval.two_sat.interpretation import EVALUATE
from mechval.two_sat.report import measured
from mechval.two_sat.report.figures.axioms import draw_axiom_table
from mechval.two_sat.report.published_values import TEST_FORMULAS, printed_cell
from mechval.two_sat.stages.nulls import NULLS
from mechval.two_sat.stages.progress import SNAPSHOTS

_LABELS = ("UNSAT", "SAT")


def axioms(files: RunFiles) -> Section:
    """Every interpretation of the run: the main one and the paper's in full, all in short."""
    cells, rows = files.rows(CELLS), files.rows(INTERPRETATIONS)
    main = measured.main_tags(files)
    own = [cell for cell in cells if measured.has_tags(cell, main)]
    with_published = measured.is_paper_size(files)
    title = f"this run: reading {main['reading']}, residual {main['residual']}"
    groups = {row.interpretation: _of(row, cells) for row in rows}
    return Section(
        "Axioms",
        "axioms.md",
        {
            "confidence": f"{rows[0].confidence:.0%}",
            "natural": f"{files.record(DATA).natural_satisfiable_share:.2%}",
            "problem": files.settings.problem,
            "published_n": TEST_FORMULAS if with_published else None,
            "row": rows[0],
            "constant_label": _LABELS[rows[0].constant.label],
            "main": main,
            "in_full": _in_full(rows, cells, main, with_published),
            "comparable": measured.COMPARABLE,
            "as_in_paper": []
            if main == measured.COMPARABLE
            else _in_full(rows, cells, measured.COMPARABLE, with_published),
            "in_short": _in_short(rows, cells),
            "figure": Figure("axioms", lambda: draw_axiom_table(own, title, with_published)),
            "chart": charts.cells_chart("axioms", "ε of every cell", groups),
        },
    )


def nulls(files: RunFiles) -> Section:
    """The axiom table of networks about which every claim is false."""
    rows = [row for row in files.rows(NULLS) if measured.has_tags(row, measured.MAIN)]
    shown = show(
        [row for row in rows if row.is_distinct],
        "network",
        ("interpretation", lambda row: f"`{row.interpretation}`"),
        ("cell", lambda row: f"{row.axiom}, {row.component}"),
        ("disagreements", lambda row: counted(row.disagreements, row.n)),
        "epsilon",
        ("verdict", "verdict"),
    )
    every = groupby(files.rows(NULLS), lambda row: f"{row.network}, {row.interpretation}")
    groups = {name: list(cells) for name, cells in every}
    chart = charts.cells_chart("nulls", "ε on networks for which the claim is false", groups)
    return Section("Null networks", "nulls.md", {"cells": shown, "chart": chart})


def progress(files: RunFiles) -> Section | None:
    """The axioms over training; None for a run without snapshots."""
    figures = progress_figures(
        files.rows(progress_rows.CELLS),
        files.rows(SNAPSHOTS),
        {
            "cross-entropy, held out": lambda row: row.loss,
            "1 − accuracy, held out": lambda row: error_of(row.accuracy, row.n),
        },
        unit="formulas seen in the phase",
    )
    title = "When the interpretation becomes true"
    return Section(title, "progress.md", {"figures": figures}) if figures else None


def _of(row: InterpretationRow, cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.interpretation == row.interpretation]


def _in_full(
    rows: Sequence[InterpretationRow],
    cells: Sequence[Cell],
    tags: dict[str, str],
    with_published: bool,
) -> list[tuple[InterpretationRow, Shown, str, str]]:
    """Per version: its row, its table, what evaluate's bits miss, and broken inclusions."""
    chosen = [row for row in rows if tags.items() <= row.tags.items()]
    return [
        (row, _cells_in_full(_of(row, cells), with_published), _missed(row, cells), _broken(row))
        for row in chosen
    ]


def _cells_in_full(cells: Sequence[Cell], with_published: bool) -> Shown:
    def published(cell: Cell) -> CellText:
        row = printed_cell(cell.tags["version"], cell)
        if row is None:
            return CellText("")
        return CellText(f"{row.text} ({row.count:,})", float(row.printed))

    def of_class(cell: Cell, name: str) -> CellText:
        found = cell.strata[name]
        return CellText(f"{significant(found.epsilon)} ({found.disagreements:,})", found.epsilon)

    return show(
        cells,
        "axiom",
        "component",
        "kind",
        "n",
        "disagreements",
        "epsilon",
        "epsilon_simultaneous",
        *([("published ε (disagreements)", published)] if with_published else []),
        *((f"{name} ε", lambda cell, name=name: of_class(cell, name)) for name in _LABELS[::-1]),
        *((f"{name} ε", f"mixtures.{name}.epsilon") for name in ("balanced", "natural")),
        ("verdict", lambda cell: f"= {cell.repeats}" if cell.repeats else cell.verdict.value),
    )


def _missed(row: InterpretationRow, cells: Sequence[Cell]) -> str:
    return "; ".join(
        f"{cell.axiom}: {significant(cell.mean_distance)} bits wrong per formula, mean error per "
        f"neuron {significant(cell.mean_part_error)}"
        for cell in _of(row, cells)
        if cell.component == EVALUATE and not cell.axiom.is_replaceability
    )


def _broken(row: InterpretationRow) -> str:
    return ", ".join(
        f"{component} {'not defined (tolerant)' if count is None else f'{count:,}'}"
        for component, count in row.inclusion_violations.items()
    )


def _in_short(rows: Sequence[InterpretationRow], cells: Sequence[Cell]) -> Shown:
    epsilons = {(cell.interpretation, cell.name): cell.epsilon for cell in cells}
    distinct = [cell for cell in _of(rows[0], cells) if cell.is_distinct]
    return show(
        rows,
        ("interpretation", lambda row: f"`{row.interpretation}`"),
        *(
            (
                f"{cell.component}: {cell.axiom}",
                lambda row, name=cell.name: epsilons[row.interpretation, name],
            )
            for cell in distinct
        ),
        "n",
    )
