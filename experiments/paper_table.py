"""One table per study: what the paper prints, measured on its network and on ours.

``python -m experiments.paper_table two_sat`` merges the tables ``report/paper.csv`` of the runs
``published`` and ``reference`` into ``results/<study>/paper_versus_measured.{csv,md}``.
"""

import sys
from pathlib import Path

from mechval.errors import MechvalError
from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.tables import Row, read_csv, write_csv

RUNS = ("published", "reference")
NAME = "paper_versus_measured"


def merge(study: Path) -> list[Row]:
    """The merged rows; a run without a table leaves its columns empty.

    Raises:
        MechvalError: if no run has a table.
    """
    tables = {run: _read(study / run / "report" / "paper.csv") for run in RUNS}
    keys = next((table for table in tables.values() if table), None)
    if keys is None:
        raise MechvalError(
            f"{study} has no report/paper.csv in {' or '.join(RUNS)}; allowed: at least one, "
            "made by +stage=report."
        )
    return [_merged(key, [tables[run].get(key, {}) for run in RUNS]) for key in keys]


def render(rows: list[Row]) -> str:
    """The table for reading."""
    header = [
        "quantity",
        "published:",
        "published model, measured:",
        "90 % interval of the rate:",
        "verdict",
        "deviation",
        "our model, measured the same way:",
        "our model, calibrated:",
        "our ε at or below the published",
    ]
    return markdown_table(header, [_line(row) for row in rows])


def main(study: str) -> None:
    """Write both files."""
    folder = Path("results") / study
    rows = merge(folder)
    write_csv(rows, folder / f"{NAME}.csv")
    text = (
        "# Paper versus measured\n\nMade by `python -m experiments.paper_table "
        f"{study}` from `published/report/paper.csv` and `reference/report/paper.csv`. Verdicts "
        "are about the published model: Fisher's exact test of the two counts, Holm-corrected "
        "over the rates, *agrees* if p > 0.01, else *close* within 10 %, else *differs*; numbers "
        "that need no sample agree at the printed digits. The last column takes the calibrated "
        "reading of our model, or where there is none, the same way as the paper. Deviations "
        "are explained in [docs/DEVIATIONS.md](../../docs/DEVIATIONS.md).\n\n"
    )
    (folder / f"{NAME}.md").write_text(text + render(rows) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, dict[str, str]]:
    return {row["key"]: row for row in read_csv(path)} if path.is_file() else {}


def _merged(key: str, found: list[dict[str, str]]) -> Row:
    published, ours = found
    either = published or ours
    shared = ("quantity", "kind", "published", "published_n", "deviation", "source")
    measured = ("measured", "measured_count", "measured_n", "rate_lower", "rate_upper", "p_holm")
    return {
        "key": key,
        **{name: either[name] for name in shared},
        **{f"published_model.{name}": published.get(name) for name in (*measured, "verdict")},
        **{f"our_model.{name}": ours.get(name) for name in measured[:3]},
        **{f"our_model_calibrated.{name}": ours.get(f"calibrated.{name}") for name in measured[:3]},
        "our_model.at_or_below": _at_or_below(either, ours),
    }


def _at_or_below(either: dict[str, str], ours: dict[str, str]) -> str | None:
    value = ours.get("calibrated.measured") or ours.get("measured")
    if either["kind"] != "epsilon" or not value:
        return None
    return "yes" if _three_digits(value) <= _three_digits(either["published"]) else "MISSED"


def _three_digits(value: str) -> float:
    # As printed: the bound at 0 of 80 000 rounds to the one printed for 0 of 80 001.
    return float(f"{float(value):.3g}")


def _line(row: Row) -> list[str]:
    lower, upper = row["published_model.rate_lower"], row["published_model.rate_upper"]
    interval = f"{_number(lower)} to {_number(upper)}" if lower and upper else ""
    return [
        str(row["quantity"]),
        str(row["published"]),
        _counted(row, "published_model"),
        interval,
        str(row["published_model.verdict"] or ""),
        str(row["deviation"] or ""),
        _counted(row, "our_model"),
        _counted(row, "our_model_calibrated"),
        str(row["our_model.at_or_below"] or ""),
    ]


def _counted(row: Row, model: str) -> str:
    value, count, n = (
        row[f"{model}.{part}"] for part in ("measured", "measured_count", "measured_n")
    )
    if not value:
        return ""
    return _number(value) + (f" ({int(str(count)):,} of {int(str(n)):,})" if count and n else "")


def _number(value: object) -> str:
    return significant(float(str(value)))


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "two_sat")
    except MechvalError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
