"""Sections on proofs: the ledger, parsing case by case, drift, and counterexamples."""

from collections.abc import Sequence

from mechval.axioms.report import CELLS
from mechval.reporting.ledger import cell_statements, ledger_section
from mechval.reporting.report import CellText, Figure, RunFiles, Section, counted, show
from mechval.two_sat.certify.drift.answer import DRIFT
from mechval.two_sat.certify.ledger import LEDGER
from mechval.two_sat.certify.parsing.certificate import PARSING, CaseStatus, ParsingRow
from mechval.two_sat.report import measured
from mechval.two_sat.report.figures.proofs import draw_drift, draw_margins
from mechval.two_sat.single.counterexamples import (
    CASES,
    COUNTEREXAMPLES,
    PADDING_RULE,
    Counterexample,
)

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
    rows = files.rows(PARSING)
    positions = sorted({row.clause_position for row in rows})
    by_position = [[row for row in rows if row.clause_position == place] for place in positions]

    def certified(cases: Sequence[ParsingRow]) -> CellText:
        return counted(sum(case.status is CaseStatus.CERTIFIED for case in cases), len(cases))

    return Section(
        "Parsing, case by case",
        "parsing.md",
        {
            "cases": show(
                by_position,
                ("clause position", lambda cases: cases[0].clause_position),
                ("certified", certified),
                ("worst proved margin", lambda cases: _weakest(cases).margin),
                ("smallest found", lambda cases: min(case.attained_margin for case in cases)),
                ("rounding error", lambda cases: max(case.numerical_error for case in cases)),
                ("of clause", lambda cases: f"`{_weakest(cases).literals}`"),
                (
                    "least attention to own clause",
                    lambda cases: min(case.own_clause_attention for case in cases),
                ),
                ("branches", lambda cases: sum(case.n_branches for case in cases)),
            ),
            "figure": Figure("parsing-margins", lambda: draw_margins(rows)),
        },
    )


def drift(files: RunFiles) -> Section:
    """What links real formulas to the network after γ_1."""
    rows = files.rows(DRIFT)
    return Section(
        "Drift: what links real formulas to the network after γ_1",
        "drift.md",
        {
            "is_vacuous": all(row.certified == 0 for row in rows if row.source == "all"),
            "drift": show(
                rows,
                ("what drifts", "source"),
                ("labels certified", lambda row: counted(row.certified, row.n)),
                ("median drift bound", "median_drift"),
                ("least", "least_drift"),
                ("median margin", "median_margin"),
            ),
            "figure": Figure("drift", lambda: draw_drift(rows)),
        },
    )


def counterexamples(files: RunFiles) -> Section:
    """The smallest formula found for each failing cell."""
    smallest: dict[tuple[str, str, str], Counterexample] = {}
    for case in _cases(files):
        smallest.setdefault((case.axiom, case.component, case.interpretation), case)
    shown = show(
        smallest.values(),
        ("cell", lambda case: f"{case.axiom}, {case.component}"),
        ("first interpretation", lambda case: f"`{case.interpretation}`"),
        ("fails on", lambda case: counted(case.held_out_disagreements, case.held_out)),
        ("distinct clauses", "distinct_clauses"),
        ("network says", "network_label"),
        ("due to", lambda case: _shortened(case.responsible)),
        ("name", lambda case: f"`{case.file}`"),
    )
    parts = {"rule": PADDING_RULE, "cases": shown if smallest else None}
    return Section("Counterexamples", "counterexamples.md", parts)


def _cases(files: RunFiles) -> tuple[Counterexample, ...]:
    """None where no cell fails: then no folder is written."""
    return files.rows(CASES) if (files.folder("certify") / COUNTEREXAMPLES).is_dir() else ()


def _weakest(cases: Sequence[ParsingRow]) -> ParsingRow:
    return min(cases, key=lambda case: case.margin)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(',')[0]}, …"
