"""What instruments catch: every instrument on every organism, beside what was predicted.

``python -m experiments.instruments`` measures the rows and columns that ``matrix.csv``
does not have (those named after ``--again``, or all, anew) and writes the tables, the heat map and
the page.
``python -m experiments.instruments --lookup RUN … [--checkpoint FILE]`` measures the lookup pair
beside the main 2-SAT claim of finished runs, and how long the maps of both are. The partial cells
of that claim are the runs' own (stage ``partial``).
``python -m experiments.instruments --alphas RUN …`` fits probes of growing size to what the 2-SAT
program of finished runs holds, on their networks and on untrained ones.
``python -m experiments.instruments --null RUN … [--study STUDY] [--checkpoint FILE]`` holds every
cell of a run's claims against null networks; those that are measured are kept, and in a source tree
those of run ``reference`` become part of the package, for the p-values in reports.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from experiments import bring_your_own
from experiments.exits import exit_codes
from experiments.folders import working_folder
from mechval import axioms as mv
from mechval.axioms.lookup import LOOKUPS, lookup_curve
from mechval.errors import MechvalError
from mechval.instruments import dyck, evading, matrix, planted, squares, trained, two_sat, waves
from mechval.instruments.circuit_probing import PROBED, ProbedRow, probe_circuits
from mechval.instruments.columns import COLUMNS
from mechval.instruments.das import SEARCHES, Search, SearchRow, search
from mechval.instruments.free_alphas import ALPHAS, draw_alphas, measure_alphas
from mechval.instruments.modular_nulls import ModularNulls
from mechval.instruments.mutants import MUTANTS, count_mutants
from mechval.instruments.null_networks import NullStudy, measure_nulls, ship_nulls
from mechval.instruments.organism import Organism
from mechval.instruments.page import write_pages
from mechval.instruments.toys import make_toys
from mechval.instruments.two_sat_nulls import TwoSatNulls
from mechval.modular_addition.single.explain import load_explained
from mechval.pipeline import FinishedRun, Workspace
from mechval.progress import track
from mechval.reporting.figures import figure_style, save_figure
from mechval.transformer import Transformer
from mechval.two_sat.single.subject import Subject, load_subject

FOLDER = Path("results") / "instruments"
CLAIM = "disjunction/calibrated/resid_mid"
PROVED, REFERENCE = "proved", "reference"
N_FORMULAS, N_SUMS = 4096, 2048
N_LOOKED_UP, TABLE_SIZES = 1024, (16, 128, 1024)
SEED = 17
NULL_STUDIES: Mapping[str, Callable[[FinishedRun, Path | None], NullStudy[Transformer]]] = {
    "two_sat": partial(TwoSatNulls.of, main=CLAIM),
    "modular_addition": ModularNulls.of,
}
FOLDERS = {"two_sat": FOLDER, "modular_addition": FOLDER / "modular_addition"}


def main(arguments: Sequence[str], root: Path) -> None:
    """Do what the command line asks for; raises MechvalError for what a run lacks."""
    options, workspace = _read(arguments), Workspace(root)
    if options.null:
        for run in options.null:
            hold_against_nulls(workspace, options.study or "two_sat", run, options.checkpoint)
        if matrix.ENTRIES.path(root / FOLDER).is_file():
            write_pages(root / FOLDER)
    elif options.alphas:
        for run in options.alphas:
            finished = FinishedRun(workspace, "two_sat", run)
            measure_sizes(finished, options.checkpoint, root / FOLDER / run)
    elif options.lookup:
        for run in options.lookup:
            finished = FinishedRun(workspace, "two_sat", run)
            measure_lookup(load_subject(finished, options.checkpoint), root / FOLDER / run)
    else:
        measure_matrix(workspace, root / FOLDER, again=options.again)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.instruments")
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--again", nargs="*", metavar="ROW", help="measure these rows anew (all, if none is named)"
    )
    either.add_argument("--lookup", nargs="+", metavar="RUN", help="lookup pairs of these runs")
    either.add_argument("--alphas", nargs="+", metavar="RUN", help="free-form α by its size")
    either.add_argument("--null", nargs="+", metavar="RUN", help="null networks of these runs")
    parser.add_argument("--study", choices=[*NULL_STUDIES], help="of --null, two_sat if not told")
    parser.add_argument("--checkpoint", type=Path, help="of a run of a published model")
    options = parser.parse_args(arguments)
    if options.study and not options.null:
        parser.error(f"--study={options.study} is of --null alone")
    return options


def hold_against_nulls(workspace: Workspace, name: str, run: str, checkpoint: Path | None) -> None:
    """A run's cells beside those of null networks, which the reference's leave for reports."""
    study = NULL_STUDIES[name](FinishedRun(workspace, name, run), checkpoint)
    folder = workspace.root / FOLDERS[name]
    measure_nulls(study, folder / run)
    package = workspace.root / "src" / "mechval" / name / "report"
    if run == REFERENCE and package.is_dir():
        ship_nulls(study, folder, package)


def measure_sizes(run: FinishedRun, checkpoint: Path | None, folder: Path) -> None:
    """Free-form α by its size, as a table and a figure."""
    study = TwoSatNulls.of(run, checkpoint, CLAIM)
    measure_alphas(study, load_subject(run, checkpoint), folder)
    with figure_style():
        save_figure(draw_alphas(ALPHAS.read(folder)), folder, "alphas")


def measure_lookup(subject: Subject, folder: Path) -> None:
    """How long the maps of the main claim are, and its lookup pair, as tables."""
    claim = subject.interpretations[CLAIM]
    two_sat.MAP_BITS.write(two_sat.map_bits(subject.problem, subject.circuit, claim), folder)
    half = N_LOOKED_UP
    tokens = two_sat.draw_tokens(subject.problem, 2 * half, SEED)
    rows = lookup_curve(
        claim,
        tokens[:half],
        tokens[half:],
        sizes=TABLE_SIZES,
        input_bits=math.log2(subject.problem.n_formulas),
    )
    LOOKUPS.write(rows, folder)


def measure_matrix(
    workspace: Workspace, folder: Path, *, again: Sequence[str] | None = None
) -> None:
    """Measure the rows that are missing or named, each kept as soon as it is there.

    A row is known by its name alone: one whose network or claim is another now has to be named in
    ``again``; empty, it names them all. Raises MechvalError for a name that no row has.
    """
    predictions = matrix.PREDICTIONS.read(folder)
    organisms = list(make_organisms(workspace))
    order = [organism.name for organism in organisms]
    for name in again or ():
        if name not in order:
            raise MechvalError(f"--again {name!r} is no row; allowed: {', '.join(order)}.")
    is_there = matrix.ENTRIES.path(folder).is_file() and again != []
    kept = set(order) - {*(again or ())} if is_there else set()
    entries = [row for row in matrix.ENTRIES.read(folder) if row.organism in kept] if kept else []
    seconds = [row for row in matrix.SECONDS.read(folder) if row.organism in kept] if kept else []
    rows = matrix.by_organism(entries)
    left = [each for each in organisms if len(rows.get(each.name, ())) < len(COLUMNS)]
    for organism in track(left, "organisms"):
        found, times = matrix.measure(organism, predictions, rows.get(organism.name, ()))
        entries += found
        seconds += times
        matrix.ENTRIES.write(entries, folder)
        matrix.SECONDS.write(seconds, folder)
    entries.sort(key=lambda entry: (order.index(entry.organism), COLUMNS.index(entry.instrument)))
    entries = matrix.against_controls(entries)
    matrix.ENTRIES.write(entries, folder)
    matrix.SUMMARIES.write(matrix.summarise(entries), folder)
    proved = load_subject(FinishedRun(workspace, "two_sat", PROVED))
    program = proved.circuit.readings["calibrated"].disjunctions
    explained = load_explained(FinishedRun(workspace, "modular_addition", REFERENCE), None)
    found = [*count_mutants(proved.problem, program), *waves.count_wave_mutants(explained)]
    MUTANTS.write(found, folder)
    LOOKUPS.write(waves.lookups(explained, TABLE_SIZES, SEED), folder / "modular_addition")
    if again == [] or not SEARCHES.path(folder).is_file():
        SEARCHES.write(_searches(organisms, proved), folder)
    if again == [] or not PROBED.path(folder).is_file():
        PROBED.write(_probed(organisms, proved), folder)
    matrix.ORGANISMS.write([matrix.OrganismRow(each.name, each.told) for each in organisms], folder)
    write_pages(folder)


def _searches(organisms: Sequence[Organism], proved: Subject) -> Iterator[SearchRow]:
    """Every search and control on the honest network, as trained and untrained."""
    for organism in (each for each in organisms if each.name == PROVED):
        bare = planted.untrained("untrained", proved, CLAIM, organism.inputs, SEED)
        for kind in Search:
            yield from search(replace(organism, untrained=bare), kind)


def _probed(organisms: Sequence[Organism], proved: Subject) -> Iterator[ProbedRow]:
    """What circuit probing finds in the honest network, as trained and untrained."""
    for organism in (each for each in organisms if each.name == PROVED):
        yield from probe_circuits(organism)
        yield from probe_circuits(
            planted.untrained("untrained", proved, CLAIM, organism.inputs, SEED)
        )


def make_organisms(workspace: Workspace) -> Iterator[Organism]:
    """All rows of the matrix, in its order."""
    yield from make_toys()
    yield from _reversers()
    proved, reference = (
        load_subject(FinishedRun(workspace, "two_sat", run)) for run in (PROVED, REFERENCE)
    )
    tokens = two_sat.draw_tokens(proved.problem, N_FORMULAS, SEED)
    yield planted.honest(PROVED, proved, CLAIM, tokens)
    yield planted.honest(REFERENCE, reference, CLAIM, tokens)
    for dose in planted.DOSES:
        yield planted.bypassed(proved, CLAIM, tokens, dose)
    yield planted.decoyed(proved, CLAIM, tokens)
    yield planted.backed(proved, CLAIM, tokens)
    made = workspace.root / FOLDER / trained.FOLDER
    yield evading.evading(proved, CLAIM, tokens[:N_SUMS], evading.load_evading(made))
    yield from planted.mutants(proved, CLAIM, tokens)
    explained = load_explained(FinishedRun(workspace, "modular_addition", REFERENCE), None)
    yield from waves.wave_claims(explained, N_SUMS, SEED)
    yield from squares.square_claims(squares.load(made), N_SUMS, SEED)
    for name, network in dyck.load_all(made).items():
        yield from dyck.dyck_claims(name, network)


def _reversers() -> Iterator[Organism]:
    """The hand-set transformer of docs/BRING_YOUR_OWN.md, and a claim that swaps symbols twice."""
    claim = bring_your_own.interpret(bring_your_own.Reverser())
    variables = [
        mv.Variable(
            component,
            mv.Part(f"symbol {place}", index=place),
            mv.Part(f"position {place}", index=place),
        )
        for component in claim.components[:-1]
        for place in range(bring_your_own.POSITIONS)
    ]
    right = Organism(
        name="reverser",
        told="a hand-set transformer reverses four symbols / so it does",
        is_sound=True,
        claim=claim,
        variables=variables,
        inputs=bring_your_own.INPUTS,
        domain_size=len(bring_your_own.INPUTS),
    )
    twice = replace(
        claim, abstract=(_swap, lambda symbols: _swap(symbols).flip(1), claim.abstract[2])
    )
    yield right
    yield replace(
        right,
        name="reverser, two symbols swapped twice",
        told="a hand-set transformer reverses four symbols / swaps two, swaps them back, reverses",
        is_sound=False,
        claim=twice,
    )


def _swap(symbols: torch.Tensor) -> torch.Tensor:
    return symbols[:, [1, 0, 2, 3]]


if __name__ == "__main__":
    with exit_codes():
        main(sys.argv[1:], working_folder())
