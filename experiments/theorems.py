"""Theorems of several networks side by side.

``python -m experiments.theorems RUN …`` proves what holds on all formulas for the networks of runs
that have the stages ``consolidate`` and ``circuit``, checks it, and keeps all that a check needs in
``results/theorems/<run>/``; ``python -m experiments.theorems --check [RUN …]`` checks what is kept,
all of it unless runs are named. Both write ``results/theorems/theorems.csv`` and ``README.md``.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.exits import exit_codes
from experiments.folders import replacing
from mechval import tables
from mechval.errors import MechvalError
from mechval.files import write_whole
from mechval.pipeline import FinishedRun, Workspace
from mechval.pipeline.session import format_duration
from mechval.progress import track
from mechval.reporting import shown
from mechval.transformer.finished import load_finished
from mechval.transformer.weights import WEIGHTS
from mechval.two_sat.certify.theorem import theorem as theorems
from mechval.two_sat.certify.theorem.checker import check_theorem
from mechval.two_sat.certify.theorem.lemmas import write_theorem
from mechval.two_sat.certify.theorem.prover import estimate_seconds, prove_theorem
from mechval.two_sat.circuit.files import PROGRAMS, TENSORS, load_circuit
from mechval.two_sat.consolidate.curve import CURVE, OUTCOME
from mechval.two_sat.network.training import make_network
from mechval.two_sat.problem import Problem
from mechval.two_sat.report.consolidated import start_of

FOLDER = Path("results") / "theorems"
_TEXT = Path(__file__).with_name("theorems.md")
KEPT = {
    "consolidate": (WEIGHTS, CURVE.name),
    "circuit": (TENSORS, PROGRAMS.name),
}


@dataclass(frozen=True, kw_only=True)
class TheoremRow:
    """One network, where it comes from, and what is proved of it on all formulas.

    Attributes:
        start: the weights that training went on from, or scratch.
        n: formulas of the held-out sample beside the theorem; wrong_count of them answered wrongly.
        interpretations: how many have all twelve cells proved, of how many.
        margin: the least of a live neuron's pre-activation; interval: what contamination and
            rounding can move one, at most.
        stopped_by: of a network without theorem, the lemma and the number that stopped it.
    """

    run: str
    n_variables: int = tables.told("variables")
    n_clauses: int = tables.told("clauses")
    formulas: str = tables.told("formulas in all")
    start: str
    seed: int
    steps: int = tables.told("training steps")
    n: int = tables.told("sampled")
    wrong_count: int = tables.count("wrong", of="n")
    status: theorems.LemmaStatus = tables.told("theorem")
    interpretations: int = tables.told("proved interpretations")
    interpretations_in_all: int = tables.told("of")
    neurons: int = tables.told("live neurons")
    margin: float | None = tables.number("least margin", default=None)
    interval: float | None = tables.number(default=None)
    terms: int
    stopped_by: str | None = tables.told("stopped by", default=None)


ROW = tables.Record("theorems/facts.json", TheoremRow)
TABLE = tables.Table("theorems/theorems.csv", TheoremRow)


def main(arguments: Sequence[str]) -> None:
    """Prove or check what the command line names; raises MechvalError for what does not hold."""
    names = [word for word in arguments if word != "--check"]
    if unknown := [name for name in names if name.startswith("-")]:
        raise MechvalError(f"{unknown[0]} is no option; allowed: --check, and names of runs.")
    if not arguments:
        raise MechvalError("no run is named; allowed: names of runs, or --check.")
    if "--check" not in arguments:
        runs = [FinishedRun(Workspace(Path()), "two_sat", name) for name in names]
        for run in track(runs, "theorems"):
            prove(run)
    else:
        for folder in track([FOLDER / name for name in names] or kept_folders(), "theorems"):
            check(folder)
    write_table()


def prove(run: FinishedRun) -> None:
    """Prove, and replace what is kept of the run.

    Raises MechvalError if a stage is missing or altered, or the network is not of the family.
    """
    with replacing(FOLDER / run.run) as folder:
        _write(run, folder)
        check(folder)


def _write(run: FinishedRun, folder: Path) -> None:
    for stage, files in KEPT.items():
        for name in files:
            shutil.copy(run.file(stage, name), folder / name)
    problem = Problem.model_validate(run.manifest("consolidate").config["problem"])
    model = load_finished(run, lambda shape: make_network(problem, shape), None)
    circuit, digest = load_circuit(folder, problem), theorems.circuit_digest(folder)
    told = format_duration(estimate_seconds(problem))
    sys.stderr.write(f"{run.run}: estimated time {told}\n")
    theorem = prove_theorem(model, problem, circuit, digest)
    write_theorem(theorem, folder)
    ROW.write(_row(run, theorem), folder)


def check(folder: Path) -> None:
    """Check a theorem that is kept against its weights and circuit, and what the table says of it.

    Raises MechvalError naming what does not hold.
    """
    if not theorems.THEOREM.path(folder).is_file():
        kept = ", ".join(path.name for path in kept_folders()) or "none yet"
        raise MechvalError(f"{folder} holds no theorem; allowed: {kept}.")
    file = theorems.THEOREM.path(folder)
    theorem, row = theorems.THEOREM.read(folder), ROW.read(folder)
    if row != _with_theorem(row, theorem):
        raise MechvalError(f"{folder}/facts.json says other numbers than its theorem.json.")
    check_theorem(file, folder / WEIGHTS, folder)


def kept_folders() -> list[Path]:
    """The folders of all theorems that are kept, the smallest problem first."""
    found = [path.parent for path in FOLDER.glob("*/facts.json")]
    return sorted(found, key=_order)


def write_table() -> None:
    """Write the rows of all kept theorems as a table, and for reading."""
    rows = [ROW.read(folder) for folder in kept_folders()]
    TABLE.write(rows, FOLDER)
    write_whole(FOLDER / "README.md", render(rows).encode())


def render(rows: Sequence[TheoremRow]) -> str:
    """The table for reading."""
    table = shown.show(
        rows,
        "run",
        "start",
        "n_variables",
        "n_clauses",
        ("formulas in all", lambda row: f"{float(row.formulas):.1e}"),
        ("wrong of a sample", lambda row: f"{row.wrong_count} of {row.n:,}"),
        "status",
        ("interpretations", lambda row: f"{row.interpretations} of {row.interpretations_in_all}"),
        "neurons",
        "margin",
        "interval",
        "terms",
        "stopped_by",
    )
    return _TEXT.read_text(encoding="utf-8").replace("{{ table }}", shown.markdown_of(table))


def _row(run: FinishedRun, theorem: theorems.Theorem) -> TheoremRow:
    outcome = OUTCOME.read(run.directory / "consolidate")
    curve = CURVE.read(run.directory / "consolidate")
    steps = {row.phase: row.step for row in curve}
    return _with_theorem(
        TheoremRow(
            run=run.run,
            n_variables=theorem.n_variables,
            n_clauses=theorem.n_clauses,
            formulas=theorem.formulas,
            start=_start(run),
            seed=int(run.config["seed"]),
            steps=sum(steps.values()),
            n=outcome.accuracy.n,
            wrong_count=outcome.accuracy.wrong_count,
            status=theorem.status,
            interpretations=0,
            interpretations_in_all=0,
            neurons=0,
            terms=0,
        ),
        theorem,
    )


def _with_theorem(row: TheoremRow, theorem: theorems.Theorem) -> TheoremRow:
    bounds = [(each.on, each.off) for each in theorem.neurons]
    margins = [min(on, -off) for on, off in bounds if on is not None and off is not None]
    intervals = [each.interval for each in theorem.neurons if each.interval is not None]
    is_bounded = bool(bounds) and len(margins) == len(intervals) == len(bounds)
    return replace(
        row,
        formulas=theorem.formulas,
        status=theorem.status,
        interpretations=len(theorem.interpretations),
        interpretations_in_all=len({cell.interpretation for cell in theorem.cells}),
        neurons=len(theorem.neurons),
        margin=min(margins) if is_bounded else None,
        interval=max(intervals) if is_bounded else None,
        terms=theorem.terms,
        stopped_by=theorem.failing_lemma,
    )


def _start(run: FinishedRun) -> str:
    """The run whose network training went on from, if it is known here, else its digest."""
    if run.manifest("consolidate").config["consolidate"]["start"] == "scratch":
        return "scratch"
    if start := start_of(run):
        return start.run
    return str(run.manifest("train").config["checkpoint_sha256"])[:12]


def _order(folder: Path) -> tuple[int, int, str]:
    row = ROW.read(folder)
    return row.n_variables, row.n_clauses, row.run


if __name__ == "__main__":
    with exit_codes():
        main(sys.argv[1:])
