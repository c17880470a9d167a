"""Sections on the axioms: every cell, null networks, and the axioms over training."""

from collections.abc import Sequence
from pathlib import Path

from mechval.axioms import progress as progress_rows
from mechval.axioms.report import CELLS, INTERPRETATIONS, Cell, InterpretationRow
from mechval.reporting.figures_progress import error_of, progress_figures
from mechval.reporting.html import charts
from mechval.reporting.ledger import cell_columns
from mechval.reporting.null_rates import PValues, axiom_of, p_values
from mechval.reporting.partial_cells import partial_tables
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, Pick, Shown, by, counted, show, significant
from mechval.two_sat.formulas.dataset import DATA
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.report import measured
from mechval.two_sat.report.published_values import TEST_FORMULAS, printed_cell
from mechval.two_sat.stages.nulls import NULLS
from mechval.two_sat.stages.progress import SNAPSHOTS

HERE = Path(__file__).parent
_LABELS = ("UNSAT", "SAT")


def axioms(files: RunFiles) -> Section:
    """Every interpretation of the run: the main one and the paper's in full, all in short."""
    cells, rows = files.rows(CELLS), files.rows(INTERPRETATIONS)
    main, comparable = measured.main_tags(files), measured.COMPARABLE
    with_published = measured.is_paper_size(files)
    groups, proved = by(cells, "interpretation"), measured.proved_cells(files)
    p = p_values(files, HERE)

    def in_full(tags: dict[str, str]) -> list[tuple[InterpretationRow, Shown, list[Cell]]]:
        chosen = ((row, groups[row.interpretation]) for row in rows if measured.has_tags(row, tags))
        return [(row, _cells_in_full(own, with_published, proved, p), own) for row, own in chosen]

    parts = {
        "confidence": f"{rows[0].confidence:.0%}",
        "natural": f"{files.record(DATA).natural_satisfiable_share:.2%}",
        "problem": files.settings.problem,
        "published_n": TEST_FORMULAS if with_published else None,
        "row": rows[0],
        "labels": _LABELS,
        "words": {version: program.words for version, program in CLAIMED.items()},
        "has_proved": bool(proved),
        "main": main,
        "in_full": in_full(main),
        "comparable": comparable,
        "as_in_paper": [] if main == comparable else in_full(comparable),
        "partial": partial_tables(files, p),
        "p": p,
        "p_in_short": p.in_short(cells),
        "in_short": show(
            rows,
            ("interpretation", lambda row: f"`{row.interpretation}`"),
            *cell_columns(cells),
            "n",
        ),
        "chart": charts.cells_chart("axioms", "ε of every cell", groups),
    }
    return Section("Axioms", "axioms.md", parts)


def nulls(files: RunFiles) -> Section:
    """The axiom table of networks about which every claim is false."""
    rows = files.rows(NULLS)
    shown = show(
        [row for row in rows if row.is_distinct and measured.has_tags(row, measured.MAIN)],
        "network",
        ("interpretation", lambda row: f"`{row.interpretation}`"),
        ("cell", lambda row: f"{row.axiom}, {row.component}"),
        ("disagreements", lambda row: counted(row.disagreements, row.n)),
        "epsilon verdict",
    )
    groups = {", ".join(key): own for key, own in by(rows, "network", "interpretation").items()}
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
    return Section(title, "progress.md", figures=tuple(figures)) if figures else None


def _cells_in_full(
    cells: Sequence[Cell], with_published: bool, proved: frozenset[str], p: PValues
) -> Shown:
    def published(cell: Cell) -> CellText:
        row = printed_cell(cell.tags["version"], cell)
        return CellText(f"{row.text} ({row.count:,})", float(row.printed)) if row else CellText("")

    def on_all(cell: Cell) -> CellText:
        is_proved = f"{cell.interpretation}/{cell.name}" in proved
        return CellText("0 (certified)", 0.0) if is_proved else CellText("")

    def of_class(name: str) -> Pick:
        def told(cell: Cell) -> CellText:
            found = cell.strata[name]
            text = f"{significant(found.epsilon)} ({found.disagreements:,})"
            return CellText(text, found.epsilon)

        return f"{name} ε", told

    return show(
        cells,
        "axiom component kind n disagreements epsilon epsilon_simultaneous",
        *p.column(axiom_of),
        *([("ε on all formulas", on_all)] if proved else []),
        *([("published ε (disagreements)", published)] if with_published else []),
        *map(of_class, _LABELS[::-1]),
        *((f"{name} ε", f"mixtures.{name}.epsilon") for name in ("balanced", "natural")),
        ("verdict", lambda cell: f"= {cell.repeats}" if cell.repeats else cell.verdict.value),
    )
