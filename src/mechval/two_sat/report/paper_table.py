"""The paper's printed 2-SAT numbers beside those measured in one run.

Measured values are found in the run's tracked tables under these keys:
``<interpretation>/<axiom>/<component>`` for a cell of the axiom table or of a variant,
``evidence/<fact>`` for the circuit evidence, and ``train/accuracy``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.paper import Comparison, Measured, compare
from mechval.reporting.tables import read_csv
from mechval.two_sat.network.accuracy import ACCURACY
from mechval.two_sat.report.evidence_facts import load_facts
from mechval.two_sat.report.published_values import PUBLISHED

VARIANTS = "variants.csv"


def compare_with_paper(directories: Mapping[str, Path]) -> tuple[Comparison, ...]:
    """Judge every printed number that this run measures.

    A run without the published reading, or without a variant of the paper, has no such values.

    Args:
        directories: the tracked results of stages ``train``, ``circuit`` and ``axioms``.

    Raises:
        MechvalError: if a rate comes without its count.
    """
    measured = measured_values(directories)
    found = [row for row in PUBLISHED if row.key in measured]
    by_rules = {
        row.key: row.key.replace("/paper/attn_out/", "/calibrated/resid_mid/")
        for row in found
        if row.kind == "epsilon"
    }
    calibrated = {key: measured[other] for key, other in by_rules.items() if other in measured}
    return compare(found, measured, calibrated)


def unmeasured(directories: Mapping[str, Path]) -> tuple[str, ...]:
    """Keys of the printed numbers that this run does not measure."""
    measured = measured_values(directories)
    return tuple(row.key for row in PUBLISHED if row.kind != "context" and row.key not in measured)


def measured_values(directories: Mapping[str, Path]) -> dict[str, Measured]:
    """Everything in a run's tables that a printed number can be compared with, by key."""
    cells = read_csv(directories["axioms"] / "axioms.csv")
    variants = read_csv(directories["axioms"] / VARIANTS)
    return {
        "train/accuracy": _accuracy(directories["train"]),
        **dict(_cells(cells, "interpretation", "axiom_name")),
        **dict(_cells(variants, "variant", "axiom")),
        **{
            f"evidence/{name}": Measured(fact.value, fact.count, fact.n)
            for name, fact in load_facts(directories["circuit"]).items()
        },
    }


def render_comparison(comparisons: tuple[Comparison, ...]) -> str:
    """The table for reading."""
    header = ["quantity", "published:", "measured:", "90 % interval of the rate:", "verdict", ""]
    return markdown_table(header, [_line(item) for item in comparisons])


def _line(item: Comparison) -> list[str]:
    measured = item.measured
    assert measured.value is not None
    value = significant(measured.value)
    if measured.count is not None and measured.n is not None:
        value += f" ({measured.count:,} of {measured.n:,})"
    interval = ""
    if item.lower is not None and item.upper is not None:
        interval = f"{significant(item.lower)} to {significant(item.upper)}"
    return [
        item.published.quantity,
        str(item.published.printed),
        value,
        interval,
        item.verdict.value,
        item.published.deviation or "",
    ]


def _accuracy(directory: Path) -> Measured:
    found = ACCURACY.read(directory)
    return Measured(found.accuracy, found.n - found.wrong_count, found.n)


def _cells(rows: list[dict[str, str]], name: str, axiom: str) -> Iterator[tuple[str, Measured]]:
    for row in rows:
        key = f"{row[name]}/{row[axiom]}/{row['component']}"
        yield key, Measured(float(row["epsilon"]), int(row["disagreements"]), int(row["n"]))
