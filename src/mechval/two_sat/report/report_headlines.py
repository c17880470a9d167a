"""The report's headline numbers, and what the reference model was to reach."""

from dataclasses import dataclass
from typing import Any

from mechval.reporting.markdown import markdown_table, significant
from mechval.two_sat.interpretation import EVALUATE, PARSE
from mechval.two_sat.report.report_records import CellRow
from mechval.two_sat.report.report_tables import ReportTables
from mechval.two_sat.report.report_variants import Validated, interpretations_of, main_variant

_PREFIX_EQUIVALENCE, _PREFIX_REPLACEABILITY = "prefix equivalence", "prefix replaceability"


@dataclass(frozen=True)
class Target:
    """One goal of the reference model.

    Attributes:
        limit: in words.
        value: what was measured, in words.
    """

    name: str
    limit: str
    value: str
    is_met: bool


def headline_metrics(tables: ReportTables) -> dict[str, Any]:
    """Accuracy, sparsity, and the main interpretation's cells, as nested plain values."""
    accuracy, variant = tables.accuracy, main_variant(tables)
    return {
        "accuracy": {
            "n": accuracy.n,
            "wrong_count": accuracy.wrong_count,
            "accuracy": accuracy.accuracy,
            "accuracy_lower": accuracy.accuracy_lower,
            "confidence": accuracy.confidence,
        },
        "formulas_seen": _formulas_seen(tables),
        "carrying_neurons": tables.circuit.carrying_neurons,
        "reading": variant.reading,
        "residual": variant.residual,
        "axioms": {
            found.version: _cell_metrics(found) for found in interpretations_of(tables, variant)
        },
    }


def render_targets(tables: ReportTables) -> str | None:
    """The goals for a model trained with this code on formulas of the paper's size, or None."""
    if tables.run.model != "own" or not tables.run.has_published_values:
        return None
    rows = [
        [target.name, target.limit, target.value, "met" if target.is_met else "**MISSED**"]
        for target in _targets(tables)
    ]
    table = markdown_table(["target", "limit:", "measured:", ""], rows)
    return f"## Targets\n\nMain interpretation: {main_variant(tables)}.\n\n{table}"


def _targets(tables: ReportTables) -> list[Target]:
    accuracy, carrying = tables.accuracy, tables.circuit.carrying_neurons
    targets = [
        Target(
            "accuracy, lower bound",
            "≥ 0.999",
            f"{accuracy.accuracy_lower:.5f} (N = {accuracy.n:,})",
            accuracy.accuracy_lower >= 0.999,
        ),
        Target("neurons with 99.9 % of the effect", "≤ 100", str(carrying), carrying <= 100),
        Target("… stretch", "≤ 64", str(carrying), carrying <= 64),
    ]
    found = interpretations_of(tables, main_variant(tables))
    return targets + [target for item in found for target in _axiom_targets(item)]


def _axiom_targets(found: Validated) -> list[Target]:
    if found.version != "trees":
        return []
    parse = found.cell(_PREFIX_EQUIVALENCE, PARSE)
    none = f"{parse.disagreements:,} of {parse.n:,}"
    return [
        Target("parse equivalence, disagreements", "0", none, parse.disagreements == 0),
        _bounded("parse replaceability, ε", found.cell(_PREFIX_REPLACEABILITY, PARSE), 0.01),
        _bounded(
            "evaluate (trees) equivalence, ε", found.cell(_PREFIX_EQUIVALENCE, EVALUATE), 0.13
        ),
        _bounded(
            "evaluate (trees) replaceability, ε",
            found.cell(_PREFIX_REPLACEABILITY, EVALUATE),
            0.0015,
        ),
    ]


def _bounded(name: str, cell: CellRow, limit: float) -> Target:
    value = f"{significant(cell.epsilon)} ({cell.disagreements:,} of {cell.n:,})"
    return Target(name, f"≤ {limit}", value, cell.epsilon <= limit)


def _formulas_seen(tables: ReportTables) -> dict[str, int]:
    """By training phase; the last point of a phase has the most."""
    return {point.phase: point.examples for point in tables.curve}


def _cell_metrics(found: Validated) -> dict[str, dict[str, int | float]]:
    return {
        f"{cell.axiom_name}/{cell.component}": {
            "n": cell.n,
            "disagreements": cell.disagreements,
            "epsilon": cell.epsilon,
        }
        for cell in found.cells
        if cell.is_distinct
    }
