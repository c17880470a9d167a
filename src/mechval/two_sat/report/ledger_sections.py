"""Sections on proofs: the ledger, parsing case by case, drift, and counterexamples."""

from collections.abc import Callable, Sequence
from typing import Any

from mechval.axioms.report import CELLS
from mechval.reporting.ledger import cell_statements, ledger_section
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, by, counted, show
from mechval.two_sat.certify.drift.answer import DRIFT
from mechval.two_sat.certify.ledger import LEDGER
from mechval.two_sat.certify.parsing.certificate import PARSING, CaseStatus, ParsingRow
from mechval.two_sat.report import measured
from mechval.two_sat.report.figures.proofs import draw_drift, draw_margins
from mechval.two_sat.single import counterexamples as cases

_LONGEST = 90
"""Characters of a list of neurons that are shown; the table has all of them."""


def ledger(files: RunFiles) -> Section:
    """What is proved, what is counted, and what is sampled of the main interpretation."""
    tags = measured.main_tags(files)
    cells = [cell for cell in files.rows(CELLS) if measured.has_tags(cell, tags)]
    sampled = cell_statements(cells, "all formulas", "uniform within each class, half satisfiable")
    note = f"Of the axioms, `…/{tags['reading']}/{tags['residual']}` is shown."
    return ledger_section([*files.rows(LEDGER), *sampled], note)


def parsing(files: RunFiles) -> Section:
    """Certified cases and the weakest of them, by clause position."""
    by_position = sorted(by(files.rows(PARSING), "clause_position").items())

    def of(pick: Callable[..., Any], name: str) -> Callable[[Any], Any]:
        return lambda item: pick(getattr(case, name) for case in item[1])

    def certified(item: tuple[int, Sequence[ParsingRow]]) -> CellText:
        found = [case.status is CaseStatus.CERTIFIED for case in item[1]]
        return counted(sum(found), len(found))

    def weakest(item: tuple[int, Sequence[ParsingRow]]) -> str:
        return f"`{min(item[1], key=lambda case: case.margin).literals}`"

    shown = show(
        by_position,
        ("clause position", lambda item: item[0]),
        ("certified", certified),
        ("worst proved margin", of(min, "margin")),
        ("smallest found", of(min, "attained_margin")),
        ("rounding error", of(max, "numerical_error")),
        ("of clause", weakest),
        ("least attention to own clause", of(min, "own_clause_attention")),
        ("branches", of(sum, "n_branches")),
    )
    figure = files.figure("parsing-margins", draw_margins, PARSING)
    return Section("Parsing, case by case", "parsing.md", {"cases": shown, "figure": figure})


def drift(files: RunFiles) -> Section:
    """What links real formulas to the network after γ_1."""
    parts = {
        "is_vacuous": all(row.certified == 0 for row in files.rows(DRIFT) if row.source == "all"),
        "drift": files.show(
            DRIFT,
            ("what drifts", "source"),
            ("labels certified", lambda row: counted(row.certified, row.n)),
            ("median drift bound", "median_drift"),
            ("least", "least_drift"),
            ("median margin", "median_margin"),
        ),
        "figure": files.figure("drift", draw_drift, DRIFT),
    }
    title = "Drift: what links real formulas to the network after γ_1"
    return Section(title, "drift.md", parts)


def counterexamples(files: RunFiles) -> Section:
    """The smallest formula found for each failing cell."""
    # Where no cell fails no folder is written.
    has_any = (files.folder("certify") / cases.COUNTEREXAMPLES).is_dir()
    by_cell = by(files.rows(cases.CASES) if has_any else (), "axiom", "component", "interpretation")
    shown = show(
        [smallest for smallest, *_ in by_cell.values()],
        ("cell", lambda case: f"{case.axiom}, {case.component}"),
        ("first interpretation", lambda case: f"`{case.interpretation}`"),
        ("fails on", lambda case: counted(case.held_out_disagreements, case.held_out)),
        ("distinct clauses", "distinct_clauses"),
        ("network says", "network_label"),
        ("due to", lambda case: _shortened(case.responsible)),
        ("name", lambda case: f"`{case.file}`"),
    )
    parts = {"rule": cases.PADDING_RULE, "cases": shown if by_cell else None}
    return Section("Counterexamples", "counterexamples.md", parts)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(',')[0]}, …"
