"""Sections on proofs: the ledger, parsing case by case, drift, and counterexamples."""

from collections.abc import Callable, Sequence
from math import comb
from typing import Any

from mechval.axioms.report import CELLS
from mechval.reporting.ledger import cell_statements, ledger_section
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, by, counted, show
from mechval.two_sat.certify.drift.answer import DRIFT
from mechval.two_sat.certify.ledger import LEDGER
from mechval.two_sat.certify.parsing.certificate import PARSING, CaseStatus, ParsingRow
from mechval.two_sat.certify.theorem import mechanism
from mechval.two_sat.certify.theorem import theorem as theorem_rows
from mechval.two_sat.certify.theorem.routes import LENGTHS
from mechval.two_sat.certify.theorem.theorem import THEOREM, CellProof, LemmaStatus
from mechval.two_sat.report import measured
from mechval.two_sat.single import counterexamples as cases


def ledger(files: RunFiles) -> Section:
    """What is proved, what is counted, and what is sampled of the main interpretation."""
    tags = measured.main_tags(files)
    cells = [cell for cell in files.rows(CELLS) if measured.has_tags(cell, tags)]
    sampled = cell_statements(cells, "all formulas", "uniform within each class, half satisfiable")
    note = f"Of the axioms, `…/{tags['reading']}/{tags['residual']}` is shown."
    names, proofs = {cell.interpretation for cell in cells}, theorem_rows.CELLS.name
    rows = [row for row in files.rows(LEDGER) if row.file != proofs or row.interpretation in names]
    return ledger_section([*rows, *sampled], note)


def parsing(files: RunFiles) -> Section:
    """Certified cases and the weakest of them, by clause position."""

    def of(pick: Callable[..., Any], name: str) -> Callable[[Sequence[ParsingRow]], Any]:
        return lambda cases: pick(getattr(case, name) for case in cases)

    def certified(cases: Sequence[ParsingRow]) -> CellText:
        return counted(sum(case.status is CaseStatus.CERTIFIED for case in cases), len(cases))

    by_position = by(files.rows(PARSING), "clause_position")
    shown = show(
        [by_position[position] for position in sorted(by_position)],
        ("clause position", of(min, "clause_position")),
        ("certified", certified),
        ("worst proved margin", of(min, "margin")),
        ("smallest found", of(min, "attained_margin")),
        ("rounding error", of(max, "numerical_error")),
        ("of clause", lambda cases: f"`{min(cases, key=lambda case: case.margin).literals}`"),
        ("least attention to own clause", of(min, "own_clause_attention")),
        ("branches", of(sum, "n_branches")),
    )
    return Section("Parsing, case by case", "parsing.md", {"cases": shown})


def theorem(files: RunFiles) -> Section | None:
    """What is proved of all formulas lemma by lemma; None for a run made before there were any."""
    if not files.has(THEOREM):
        return None
    found = files.record(THEOREM)
    n_distinct = 2 * found.n_variables * (found.n_variables - 1)
    shown = {"heads": mechanism.HEADS, "at_work": mechanism.NEURONS, "bounds": theorem_rows.NEURONS}
    is_shown = files.has(mechanism.NEURONS)
    parts = {
        "found": found,
        "formulas": _written(int(found.formulas)),
        "multisets": _written(comb(n_distinct + found.n_clauses - 1, found.n_clauses)),
        "lemmas": files.show(
            theorem_rows.LEMMAS, "name statement status margin moved rounding unit stopped_by"
        ),
        "lengths": files.show(
            LENGTHS,
            ("route", "route"),
            ("terms", lambda row: _written(row.terms)),
            ("floating-point operations", lambda row: _written(row.operations)),
            ("margin", "margin"),
        )
        if files.has(LENGTHS)
        else None,
        "cells": show(
            by(found.cells, "interpretation").values(),
            ("interpretation", lambda cells: f"`{cells[0].interpretation}`"),
            ("certified, ε = 0", _proved),
        ),
        "is_consolidated": files.settings.consolidate is not None,
        **{name: files.rows(table) if is_shown else () for name, table in shown.items()},
    }
    return Section("Theorem: all formulas at once", "theorem.md", parts)


def _proved(cells: Sequence[CellProof]) -> CellText:
    return counted(sum(cell.status is LemmaStatus.PROVED for cell in cells), 12)


def drift(files: RunFiles) -> Section | None:
    """What links real formulas to the network after γ_1; None where a theorem does."""
    if files.has(THEOREM) and not files.has(DRIFT):
        return None
    parts = {
        "is_vacuous": all(row.certified == 0 for row in files.rows(DRIFT) if row.source == "all"),
        "drift": files.show(
            DRIFT,
            "source",
            ("labels certified", lambda row: counted(row.certified, row.n)),
            "median_drift least_drift median_margin",
        ),
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
        ("first interpretation", "`interpretation`"),
        ("fails on", lambda case: counted(case.held_out_disagreements, case.held_out)),
        ("distinct clauses", "distinct_clauses"),
        ("network says", "network_label"),
        ("due to", lambda case: _shortened(case.responsible)),
        ("name", "`file`"),
    )
    parts = {"rule": cases.PADDING_RULE, "cases": shown if by_cell else None}
    return Section("Counterexamples", "counterexamples.md", parts)


def _shortened(text: str) -> str:
    """As much of a list as 90 characters hold; the table has all of it."""
    return text if len(text) <= 90 else f"{text[:90].rpartition(',')[0]}, …"


def _written(number: int) -> str:
    """With all its digits, from 10^20 on rounded."""
    return f"{number:,}" if number < 10**20 else f"{number:.3g}"
