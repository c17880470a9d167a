"""Sections on the claim: targets, the axioms, where they fail, the readings, the paper."""

from mechval import axioms
from mechval.axioms import Cell
from mechval.modular_addition.claim import controls
from mechval.modular_addition.claim.translations import HALF_TOKENS
from mechval.modular_addition.claim.validation import FAILING, HELD_OUT
from mechval.modular_addition.interpretation import EMBED
from mechval.modular_addition.network import training
from mechval.modular_addition.report import figures, published_values
from mechval.reporting import paper
from mechval.reporting.html import charts
from mechval.reporting.ledger import cell_columns
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, by, show


def main_cells(files: RunFiles) -> list[Cell]:
    """The cells of the run's main interpretation, the first of its config."""
    return next(iter(by(files.rows(axioms.CELLS), "interpretation").values()))


def targets(files: RunFiles) -> Section | None:
    """What was asked of a network trained here beside what this run has; not of another's."""
    if files.settings.model.kind == "published":
        return None
    # The α_1 that can fail does fail at the embedding, so nothing is asked there.
    cells = [
        cell
        for cell in main_cells(files)
        if cell.is_distinct and (cell.component != EMBED or cell.axiom.is_replaceability)
    ]
    wrong = files.record(training.ANSWERS).wrong_count
    judged = ("target: 0", lambda cell: _judged(cell.disagreements))
    parts = {
        "main": cells[0].interpretation,
        "n": cells[0].n,
        "wrong": wrong,
        "judged": _judged(wrong),
        "cells": show(cells, "component axiom disagreements", judged),
    }
    return Section("Targets", "targets.md", parts)


def the_axioms(files: RunFiles) -> Section:
    """The main interpretation in full, every interpretation in short."""
    groups = by(files.rows(axioms.CELLS), "interpretation")
    # Of the two rows of half_tokens the later one stands: the numbers it was not fitted on.
    readings = {
        row.reading: row
        for row in files.rows(controls.READINGS)
        if row.map == "alpha_1" and row.subject == controls.NETWORK
    }
    main = next(iter(groups.values()))

    def alpha(cell: Cell) -> str:
        row = readings[cell.tags["reading"]]
        sizes = f"{row.points:,} points, {row.features} features"
        return f"*vacuous ({sizes})*" if row.vacuous else sizes

    parts = {
        "main": main[0].interpretation,
        "n": main[0].n,
        "alpha": alpha(main[0]),
        "in_full": show(
            main,
            "axiom component equivalence n disagreements",
            ("exact ε", "epsilon"),
            ("parts that differ", lambda cell: _percent(cell.mean_part_error)),
            ("held out N", f"strata.{HELD_OUT}.n"),
            ("disagreements", f"strata.{HELD_OUT}.disagreements"),
            ("sampled ε", f"strata.{HELD_OUT}.epsilon"),
            ("verdict", lambda cell: f"= {cell.repeats}" if cell.repeats else cell.verdict.value),
        ),
        "in_short": show(
            [next(filter(lambda cell: cell.is_distinct, cells)) for cells in groups.values()],
            ("interpretation", lambda cell: f"`{cell.interpretation}`"),
            ("α_1", alpha),
            ("inputs", _inputs),
            "n",
            *cell_columns(files.rows(axioms.CELLS)),
        ),
        "chart": charts.cells_chart("axioms", "ε of every cell", groups),
    }
    return Section("Axioms", "axioms.md", parts)


def failing_pairs(files: RunFiles) -> Section:
    """The smallest inputs on which cells of the main interpretation fail."""
    columns = "axiom component disagreements a b sum network_answer"
    pairs = files.show(FAILING, columns)
    parts = {"pairs": pairs if pairs.rows else None}
    return Section("Where the main interpretation fails", "failing.md", parts)


def can_the_readings_fail(files: RunFiles) -> Section:
    """The readings of the network beside those of the controls."""
    figure = files.figure("decimals", figures.draw_decimals, controls.DECIMALS)
    readings = files.show(
        controls.READINGS,
        "map reading subject judged_on points features",
        ("can it fail?", lambda row: "no: vacuous" if row.vacuous else "yes"),
        "n root_mean_square_error largest_error",
        ("R²", lambda row: CellText(f"{row.r_squared:.4f}", row.r_squared)),
    )
    parts = {"readings": readings, "figure": figure}
    return Section("Can the readings fail? (D4)", "readings.md", parts)


def beside_the_paper(files: RunFiles) -> Section:
    """The printed ε beside those measured on the held-out inputs."""
    problem = files.settings.problem
    comparisons = published_values.compare_with_paper(problem, files.rows(axioms.CELLS))
    section = paper.paper_section(comparisons)
    parts = {
        "p": problem.p,
        "paper_p": published_values.PAPER_PROBLEM.p,
        "kind": files.settings.model.kind,
        "compared": bool(comparisons),
    }
    return Section("Beside the paper", "paper_beside.md", {**section.parts, **parts})


def _inputs(cell: Cell) -> str:
    is_half = cell.tags["reading"] == HALF_TOKENS
    return "pairs of unseen numbers" if is_half else "all inputs"


def _judged(count: int) -> str:
    return "MISSED" if count else "met"


def _percent(share: float) -> CellText:
    return CellText(f"{share:.2%}", share)
