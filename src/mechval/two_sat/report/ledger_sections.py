"""Sections on proofs: the ledger, parsing case by case, drift, and counterexamples."""

from collections.abc import Callable, Sequence
from math import comb
from pathlib import Path
from typing import Any

from mechval.axioms.report import CELLS
from mechval.reporting.ledger import cell_statements, ledger_section
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, by, counted, show
from mechval.two_sat.certify.drift.answer import DRIFT
from mechval.two_sat.certify.ledger import LEDGER
from mechval.two_sat.certify.parsing.certificate import PARSING, CaseStatus, ParsingRow
from mechval.two_sat.certify.theorem import mechanism
from mechval.two_sat.certify.theorem.routes import LENGTHS
from mechval.two_sat.certify.theorem.theorem import CELLS as CELL_PROOFS
from mechval.two_sat.certify.theorem.theorem import LEMMAS, NEURONS, THEOREM, LemmaStatus
from mechval.two_sat.report import measured
from mechval.two_sat.single import counterexamples as cases

_LARGEST = 10**20
"""From here on numbers are rounded."""
_LONGEST = 90
"""Characters of a list of neurons that are shown; the table has all of them."""


def ledger(files: RunFiles) -> Section:
    """What is proved, what is counted, and what is sampled of the main interpretation."""
    tags = measured.main_tags(files)
    cells = [cell for cell in files.rows(CELLS) if measured.has_tags(cell, tags)]
    sampled = cell_statements(cells, "all formulas", "uniform within each class, half satisfiable")
    note = f"Of the axioms, `…/{tags['reading']}/{tags['residual']}` is shown."
    shown_ones = {cell.interpretation for cell in cells}
    shown = [
        row
        for row in files.rows(LEDGER)
        if row.file != Path(CELL_PROOFS.file).name or row.interpretation in shown_ones
    ]
    return ledger_section([*shown, *sampled], note)


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
    return Section("Parsing, case by case", "parsing.md", {"cases": shown})


def theorem(files: RunFiles) -> Section | None:
    """What is proved of all formulas lemma by lemma; None for a run made before there were any."""
    if not files.has(THEOREM):
        return None
    found = files.record(THEOREM)
    n_distinct = 2 * found.n_variables * (found.n_variables - 1)
    parts = {
        "is_proved": found.status is LemmaStatus.PROVED,
        "answers": found.answers is LemmaStatus.PROVED,
        "formulas": _written(int(found.formulas)),
        "failing": found.failing_lemma,
        "terms": f"{found.terms:,}",
        "multisets": _written(comb(n_distinct + found.n_clauses - 1, found.n_clauses)),
        "neurons": len(found.neurons),
        "lemmas": files.show(LEMMAS, "name statement status margin moved rounding unit stopped_by"),
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
            by(found.cells, "interpretation").items(),
            ("interpretation", lambda item: f"`{item[0]}`"),
            (
                "certified, ε = 0",
                lambda item: counted(sum(c.status is LemmaStatus.PROVED for c in item[1]), 12),
            ),
        ),
        "is_consolidated": files.settings.consolidate is not None,
        **_mechanism(files),
    }
    return Section("Theorem: all formulas at once", "theorem.md", parts)


def _mechanism(files: RunFiles) -> dict[str, Any]:
    """What a network that is proved does; nothing of another."""
    if not files.has(mechanism.NEURONS):
        return {"heads": None}
    heads, at_work = files.rows(mechanism.HEADS), files.rows(mechanism.NEURONS)
    bounds = files.rows(NEURONS)
    return {
        "heads": len(heads),
        "share": (min(head.least for head in heads), max(head.most for head in heads)),
        "drop": (min(each.drop_least for each in at_work), max(each.drop_most for each in at_work)),
        "on": (min(each.on or 0.0 for each in bounds), max(each.highest or 0.0 for each in bounds)),
        "assignments": len({each.assignment for each in at_work}),
    }


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


def _written(number: int) -> str:
    """With all its digits unless there are too many to read."""
    return f"{number:,}" if number < _LARGEST else f"{number:.3g}"
