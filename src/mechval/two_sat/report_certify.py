"""Section of the report on what is proved, what is counted and what is sampled."""

from collections.abc import Sequence

from mechval.axioms import EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.reporting.ledger import kind_counts, render_ledger
from mechval.reporting.markdown import markdown_table
from mechval.two_sat.counterexamples.files import PADDING_RULE, Case
from mechval.two_sat.report_claims import Claims
from mechval.two_sat.report_sections import source
from mechval.two_sat.report_variants import MAIN

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
        _counterexamples(claims.cases),
        source("certify/ledger.csv"),
    ]
    return "\n\n".join(part for part in parts if part)


def _is_shown(statement: Statement) -> bool:
    is_main = (statement.interpretation or "").endswith(f"/{MAIN.reading}/{MAIN.residual}")
    return statement.kind is not EvidenceKind.SAMPLED or not statement.interpretation or is_main


def _counterexamples(cases: Sequence[Case]) -> str:
    if not cases:
        return (
            "### Counterexamples\n\nNo cell of a main interpretation fails on a held-out formula."
        )
    smallest = {
        (case.axiom_name, case.component, case.interpretation): case for case in cases[::-1]
    }
    rows = [
        [
            f"{case.axiom_name}, {case.component}",
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
