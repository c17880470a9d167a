"""Section of the report on what is proved, what is counted and what is sampled."""

from collections.abc import Sequence

from mechval.axioms import EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.reporting.ledger import kind_counts, render_ledger
from mechval.reporting.markdown import markdown_table, significant
from mechval.two_sat.certify.parsing.certificate import CaseStatus
from mechval.two_sat.report.certify_records import DriftRow, ParsingRow
from mechval.two_sat.report.report_claims import Claims
from mechval.two_sat.report.report_sections import figure, source
from mechval.two_sat.report.report_variants import MAIN
from mechval.two_sat.single.counterexamples import PADDING_RULE, Counterexample

_LONGEST = 90
"""Characters of a list of neurons that are shown; the table has all of them."""


def render_certify(claims: Claims) -> str:
    """The ledger by kind of evidence, and the smallest formula on which each cell fails."""
    counts = ", ".join(
        f"{count:,} {kind}" for kind, count in kind_counts(claims.ledger).items() if count
    )
    parts = [
        "## What is proved, what is counted, what is sampled",
        f"The ledger has {len(claims.ledger):,} statements: {counts}. A *certified* statement is "
        "proved for every formula by a computation whose rounding error is bounded; an *exact* "
        "one is counted on every formula, in integers; a *sampled* one is a bound at a stated "
        f"confidence (shown: `…/{MAIN.reading}/{MAIN.residual}`); *unknown* tells what stopped "
        "the computation. [docs/CERTIFICATES.md](../../../../docs/CERTIFICATES.md) says how to "
        "check them.",
        render_ledger([statement for statement in claims.ledger if _is_shown(statement)]),
        _worst_margins(claims.parsing),
        _drift(claims.drift),
        _counterexamples(claims.cases),
        source("certify/ledger.csv"),
    ]
    return "\n\n".join(part for part in parts if part)


def _is_shown(statement: Statement) -> bool:
    is_main = (statement.interpretation or "").endswith(f"/{MAIN.reading}/{MAIN.residual}")
    return statement.kind is not EvidenceKind.SAMPLED or not statement.interpretation or is_main


def _worst_margins(rows: Sequence[ParsingRow]) -> str:
    by_position = [
        [row for row in rows if row.clause_position == position]
        for position in sorted({row.clause_position for row in rows})
    ]
    table = []
    for found in by_position:
        worst = min(found, key=lambda row: row.margin)
        table.append(
            [
                str(worst.clause_position + 1),
                f"{sum(row.status is CaseStatus.CERTIFIED for row in found)} of {len(found)}",
                significant(worst.margin),
                significant(min(row.attained_margin for row in found)),
                significant(max(row.numerical_error for row in found)),
                f"`{worst.literals}`",
                significant(min(row.own_clause_attention for row in found)),
                f"{sum(row.n_branches for row in found):,}",
            ]
        )
    header = ["clause position:", "certified:", "worst proved margin:", "smallest found:"]
    header += ["rounding error:", "of clause", "least attention to own clause:", "branches:"]
    return "\n\n".join(
        [
            "### Parsing, case by case",
            "A case is a position and the clause there, over all choices of the earlier clauses.",
            markdown_table(header, table),
            figure("parsing-margins", "Margins of parsing by clause position"),
            source("certify/parsing.csv"),
        ]
    )


def _drift(rows: Sequence[DriftRow]) -> str:
    table = [
        [
            row.source,
            f"{row.certified:,} of {row.n:,}",
            significant(row.median_drift),
            significant(row.least_drift),
            significant(row.median_margin),
        ]
        for row in rows
    ]
    header = ["what drifts", "labels certified:", "median drift bound:", "least:", "median margin:"]
    vacuous = all(row.certified == 0 for row in rows if row.source == "all")
    verdict = (
        "**The bound is vacuous**: it certifies no formula, so prefix replaceability of parse "
        "stays sampled."
        if vacuous
        else "What it does not certify stays sampled."
    )
    return "\n\n".join(
        [
            "### Drift: what links real formulas to the network after γ_1",
            "γ_1 freezes what really depends on the order of the clauses. The bound of how far "
            "that can move the answer (logits, s − u), held against the margin of each held-out "
            f"formula. {verdict}",
            markdown_table(header, table),
            figure("drift", "Drift of the answer by source, beside the margin"),
            source("certify/drift.csv"),
        ]
    )


def _counterexamples(cases: Sequence[Counterexample]) -> str:
    if not cases:
        return (
            "### Counterexamples\n\nNo cell of a main interpretation fails on a held-out formula."
        )
    smallest = {(case.axiom, case.component, case.interpretation): case for case in cases[::-1]}
    rows = [
        [
            f"{case.axiom}, {case.component}",
            f"`{case.interpretation}`",
            f"{case.held_out_disagreements:,} of {case.held_out:,}",
            str(case.distinct_clauses),
            case.network_label,
            _shortened(case.responsible),
            f"[file](../certify/counterexamples/{case.file})",
        ]
        for case in list(smallest.values())[::-1]
    ]
    header = ["cell", "first interpretation", "fails on:", "distinct clauses:", "network says"]
    header += ["due to", "DIMACS"]
    return "\n\n".join(
        [
            "### Counterexamples",
            f"The smallest formula found for each failing cell. {PADDING_RULE}. "
            "`python -m experiments.replay <file>` evaluates one again.",
            markdown_table(header, rows),
            source("certify/counterexamples/cases.csv"),
        ]
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(',')[0]}, …"
