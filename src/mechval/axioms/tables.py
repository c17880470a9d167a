"""Reports as plain rows, for reports that still read them. To be removed."""

from typing import TypeAlias

from mechval.axioms.report import AxiomReport, Cell

Row: TypeAlias = dict[str, int | float | str | bool | None]


def cell_rows(report: AxiomReport) -> list[Row]:
    """The cells as plain rows. To be removed: `CELLS` writes the cells themselves."""
    return [_cell_row(report, cell) for cell in report.cells]


def report_row(report: AxiomReport) -> Row:
    """What a report says beside its cells. To be removed: `INTERPRETATIONS` writes reports."""
    constant = report.constant
    return {
        "interpretation": report.interpretation,
        "confidence": report.confidence,
        "n": constant.n,
        "n_labels": report.n_labels,
        "label_entropy_bits": report.label_entropy,
        "constant.label": constant.label,
        "constant.disagreements": constant.disagreements,
        "constant.rate": constant.rate,
        "constant.lower": constant.lower,
        "constant.upper": constant.upper,
        **{
            f"inclusion_violations.{component}": count
            for component, count in report.inclusion_violations.items()
        },
    }


def _cell_row(report: AxiomReport, cell: Cell) -> Row:
    row: Row = {
        "interpretation": report.interpretation,
        "kind": cell.kind.value,
        "confidence": report.confidence,
        "axiom": cell.axiom.number,
        "axiom_name": cell.axiom.value,
        "component": cell.component,
        "is_distinct": cell.repeats is None,
        "repeats": cell.repeats,
        "n": cell.n,
        "disagreements": cell.disagreements,
        "rate": cell.rate,
        "epsilon": cell.epsilon,
        "epsilon_simultaneous": cell.epsilon_simultaneous,
        "mean_distance": cell.mean_distance,
        "mean_part_error": cell.mean_part_error,
        "equivalence": cell.equivalence,
        "verdict": cell.verdict.value,
    }
    for name, stratum in cell.strata.items():
        row[f"stratum.{name}.n"] = stratum.n
        row[f"stratum.{name}.disagreements"] = stratum.disagreements
        row[f"stratum.{name}.rate"] = stratum.rate
        row[f"stratum.{name}.epsilon"] = stratum.epsilon
    for name, mixture in cell.mixtures.items():
        row[f"mixture.{name}.rate"] = mixture.rate
        row[f"mixture.{name}.epsilon"] = mixture.epsilon
    return row
