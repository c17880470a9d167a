"""One table per study: what the paper prints, measured on its network and on ours.

``python -m experiments.paper_table two_sat`` merges the tables ``report/paper.csv`` of the runs
``published`` and ``reference`` into ``results/<study>/paper_versus_measured.{csv,md}``.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from experiments.exits import exit_codes
from experiments.studies import STUDIES
from mechval import tables
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.pipeline import FinishedRun, Workspace
from mechval.reporting import paper_comparison, shown
from mechval.reporting.paper_comparison import (
    NOT_MEASURED,
    Agreement,
    Comparison,
    Measured,
    PrintedValue,
)
from mechval.reporting.report import paragraphs

RUNS = ("published", "reference")
NAME = "paper_versus_measured"


@dataclass(frozen=True)
class Merged:
    """A printed number and what is measured for it.

    ``published_model`` is the authors' network, with the interval and the verdict about it;
    ``our_model`` the committed run, measured the same way and by rules, and how either ε stands to
    the printed one.
    """

    published: PrintedValue
    published_model: Measured
    lower: float | None = tables.rate()
    upper: float | None = tables.rate()
    verdict: Agreement | None = tables.told()
    our_model: Measured = NOT_MEASURED
    our_model_against: str = ""
    our_model_calibrated: Measured = NOT_MEASURED
    our_model_calibrated_against: str = ""


MERGED = tables.Table(f"results/{NAME}.csv", Merged)


def merge(workspace: Workspace, study: str) -> list[Merged]:
    """The merged rows; one run without a table leaves gaps.

    Raises MechvalError if no run has one, or one is not what its manifest says.
    """
    theirs, ours = (_read(workspace, study, run) for run in RUNS)
    if not (theirs or ours):
        raise MechvalError(
            f"results/{study} has no report/paper.csv in {' or '.join(RUNS)}; allowed: at least "
            "one, made by +stage=report."
        )
    return [_merged(theirs.get(key), ours.get(key)) for key in theirs or ours]


def render(rows: list[Merged]) -> str:
    """The table for reading."""
    table = shown.show(
        rows,
        ("quantity", "published.quantity"),
        ("printed", "published.text"),
        ("published model, measured", lambda row: paper_comparison.counted(row.published_model)),
        ("90 % interval of the rate", lambda row: shown.interval(row.lower, row.upper)),
        "verdict",
        ("deviation", "published.deviation"),
        ("our model, measured the same way", lambda row: paper_comparison.counted(row.our_model)),
        ("… against the printed", "our_model_against"),
        ("our model, calibrated", lambda row: paper_comparison.counted(row.our_model_calibrated)),
        ("… against the printed", "our_model_calibrated_against"),
    )
    return shown.markdown_of(table)


def main(study: str) -> None:
    """Write both files."""
    if study not in STUDIES:
        raise MechvalError(f"{study!r} is no study; allowed: {', '.join(STUDIES)}.")
    folder = Path("results") / study
    rows = merge(Workspace(Path.cwd()), study)
    MERGED.write(rows, folder)
    (told,) = paragraphs("mechval.reporting", "paper_merged.md", study=study, runs=RUNS)
    text = f"# Paper versus measured\n\n{told}\n\n{render(rows)}\n"
    write_whole(folder / f"{NAME}.md", text.encode())


def _read(workspace: Workspace, study: str, run: str) -> dict[str, Comparison]:
    if not (workspace.run_directory(study, run) / "report" / "paper.csv").is_file():
        return {}
    table = FinishedRun(workspace, study, run).file("report", "paper.csv")
    return {row.published.key: row for row in paper_comparison.COMPARISONS.read(table.parent)}


def _merged(theirs: Comparison | None, ours: Comparison | None) -> Merged:
    either = theirs or ours
    assert either is not None
    our_model = ours.measured if ours else NOT_MEASURED
    calibrated = ours.calibrated if ours else NOT_MEASURED
    return Merged(
        published=either.published,
        published_model=theirs.measured if theirs else NOT_MEASURED,
        lower=theirs.lower if theirs else None,
        upper=theirs.upper if theirs else None,
        verdict=theirs.verdict if theirs else None,
        our_model=our_model,
        our_model_against=paper_comparison.against(either.published, our_model),
        our_model_calibrated=calibrated,
        our_model_calibrated_against=paper_comparison.against(either.published, calibrated),
    )


if __name__ == "__main__":
    with exit_codes():
        parser = argparse.ArgumentParser("python -m experiments.paper_table", description=__doc__)
        parser.add_argument("study", nargs="?", default="two_sat", help="whose table")
        main(parser.parse_args().study)
