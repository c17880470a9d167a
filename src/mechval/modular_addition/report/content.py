"""What the report of a run says: one maker per section, from the run's tables alone."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mechval import axioms
from mechval.axioms import progress as snapshots
from mechval.modular_addition.circuit import extract as circuit
from mechval.modular_addition.circuit import losses
from mechval.modular_addition.circuit.fourier import Frequencies
from mechval.modular_addition.circuit.losses import LOSS_POINTS
from mechval.modular_addition.circuit.program_waves import select_waves
from mechval.modular_addition.claim import controls
from mechval.modular_addition.claim.assess import SNAPSHOTS
from mechval.modular_addition.claim.translations import HALF_TOKENS, NO_CLAIM
from mechval.modular_addition.claim.validation import FAILING, HELD_OUT
from mechval.modular_addition.interpretation import EMBED
from mechval.modular_addition.network import training
from mechval.modular_addition.report import figures, paper_values
from mechval.reporting import null_rates, paper_comparison, report
from mechval.reporting.figures_progress import error_of, progress_figures
from mechval.reporting.ledger import cell_columns
from mechval.reporting.null_rates import axiom_of, p_values
from mechval.reporting.partial_cells import partial_tables
from mechval.reporting.report import Chart, RunFiles, Section
from mechval.reporting.shown import CellText, Shown, by, show, told

PACKAGE = __name__.rpartition(".")[0]
HERE = Path(__file__).parent
TEXTS = (
    paper_values.DATA_FILE,
    *(HERE / name for name in null_rates.FILES),
    *report.templates(PACKAGE),
)
"""What the report says besides what its modules do."""


def title(files: RunFiles) -> str:
    """The heading of the page."""
    settings = files.settings
    return f"Addition modulo {settings.problem.p}: {settings.model.kind} model, seed {files.seed}"


def network(files: RunFiles) -> Section:
    """What the network answers and how it was trained."""
    is_own = files.settings.model.kind == "own"
    answers = files.record(training.ANSWERS)
    counts = {"all": answers, "trained on": answers.train, "held out": answers.test}
    parts = {
        "is_own": is_own,
        "problem": files.settings.problem,
        "answers": show(
            counts.items(),
            ("inputs", lambda item: item[0]),
            ("N", lambda item: item[1].n),
            ("wrong", lambda item: item[1].wrong_count),
            ("accuracy", lambda item: f"{1 - item[1].wrong_count / item[1].n:.5f}"),
        ),
        "grokking": files.record(training.GROKKING) if is_own else None,
    }
    return Section("Network", "network.md", parts)


def the_circuit(files: RunFiles) -> Section:
    """Which frequencies the network computes with, and how far they explain it."""
    shown = [row for row in files.rows(circuit.FREQUENCIES) if row.is_key or row.is_embedded]
    parts = {
        "losses": _losses(files.rows(losses.LOSSES)),
        "facts": files.record(circuit.FACTS),
        "explained": files.settings.circuit.explained,
        "frequencies": show(
            shown,
            "frequency",
            ("used", "is_key"),
            ("in the embedding", "is_embedded"),
            "neuron_sum_wave_share neurons",
            explained(files),
            "logit_coefficient logit_variance_share embedding_power_share",
        ),
        "programs": _programs(files),
    }
    return Section("Circuit", "circuit.md", parts)


def explained(files: RunFiles) -> tuple[str, str]:
    """The column of the neurons that count as one of a frequency's."""
    return f"neurons ≥ {100 * files.settings.circuit.explained:g} %", "neurons_explained"


def _programs(files: RunFiles) -> Shown | None:
    """The programs side by side: the first interpretation of each, as far as 0 is asked for."""
    found = by(files.rows(axioms.CELLS), "tags.program")
    if not found:
        return None
    selections = select_waves(files.settings.problem.p, files.rows(circuit.FREQUENCIES))
    cells = {
        program: {cell.name: cell.disagreements for cell in asked_for(_first(rows))}
        for program, rows in found.items()
    }

    def listed(frequencies: Frequencies) -> str:
        return ", ".join(map(str, frequencies.sort().values.tolist()))

    return show(
        [each for each in selections if each.program in cells],
        "`program`",
        ("holds", lambda waves: listed(waves.held)),
        ("adds", lambda waves: listed(waves.added)),
        *(
            (name, lambda waves, name=name: cells[waves.program][name])
            for name in next(iter(cells.values()))
        ),
    )


def _losses(rows: Sequence[losses.Loss]) -> Shown:
    """A row per kind of logits, a column per part of the inputs."""

    def cell(own: list[losses.Loss], part: str) -> CellText:
        (row,) = (row for row in own if row.inputs == part)
        return CellText(f"{told(row.loss)} ({row.accuracy:.4f})", row.loss)

    parts = by(rows, "inputs")
    columns = ((f"{part}: loss (accuracy)", partial(cell, part=part)) for part in parts)
    return show(by(rows, "logits").values(), ("logits", lambda own: own[0].logits), *columns)


def progress(files: RunFiles) -> Section | None:
    """The axioms and the losses over the training; nothing without its snapshots."""
    measures = {
        "cross-entropy, train": lambda row: row.train_loss,
        "cross-entropy, held out": lambda row: row.test_loss,
        "1 − accuracy, held out": lambda row: error_of(row.test_accuracy, row.n),
    }
    unit = figures.SEEN.format(files.record(training.ANSWERS).train.n)
    drawn = progress_figures(files.rows(snapshots.CELLS), files.rows(SNAPSHOTS), measures, unit)
    if not drawn and all(point.examples is None for point in files.rows(LOSS_POINTS)):
        return None
    return Section("Over the training", "progress.md", figures=tuple(drawn))


def main_cells(files: RunFiles) -> list[axioms.Cell]:
    """The cells of the run's main interpretation, the first; none if no claim can be stated."""
    return _first(files.rows(axioms.CELLS))


def _first(cells: Sequence[axioms.Cell]) -> list[axioms.Cell]:
    return [cell for cell in cells if cell.interpretation == cells[0].interpretation]


def asked_for(cells: Sequence[axioms.Cell]) -> list[axioms.Cell]:
    """The distinct cells that are to hold on every input."""
    return [cell for cell in cells if cell.is_distinct and is_asked(cell)]


def is_asked(cell: axioms.Cell) -> bool:
    """Whether a cell is to have no disagreement: the α_1 that can fail does, at the embedding."""
    return cell.component != EMBED or cell.axiom.is_replaceability


def targets(files: RunFiles) -> Section | None:
    """What was asked of a network trained here beside what this run has; not of another's."""
    if files.settings.model.kind == "published":
        return None
    cells = asked_for(main_cells(files))
    if not cells:
        return None
    judged = ("target: 0", lambda cell: "MISSED" if cell.disagreements else "met")
    parts = {
        "main": cells[0],
        "wrong": files.record(training.ANSWERS).wrong_count,
        "cells": show(cells, "component axiom disagreements", judged),
    }
    return Section("Targets", "targets.md", parts)


def the_axioms(files: RunFiles) -> Section:
    """The main interpretation in full, every interpretation in short."""
    groups = by(files.rows(axioms.CELLS), "interpretation")
    if not groups:
        return Section("Axioms", "no_claim.md", {"why": NO_CLAIM})
    # Of the two rows of half_tokens the later one stands: the numbers it was not fitted on.
    readings = {
        row.reading: row
        for row in files.rows(controls.READINGS)
        if row.map == "alpha_1" and row.subject == controls.NETWORK
    }
    main, p = next(iter(groups.values())), p_values(files, HERE)

    def part_errors(cell: axioms.Cell) -> CellText:
        return CellText(f"{cell.mean_part_error:.2%}", cell.mean_part_error)

    def inputs(cell: axioms.Cell) -> str:
        is_half = cell.tags["reading"] == HALF_TOKENS
        return "pairs of unseen numbers" if is_half else "all inputs"

    parts = {
        "main": main[0],
        "alpha": readings[main[0].tags["reading"]],
        "in_full": show(
            main,
            "axiom component equivalence n disagreements",
            ("exact ε", "epsilon"),
            *p.column(axiom_of),
            ("parts that differ", part_errors),
            ("held out N", f"strata.{HELD_OUT}.n"),
            ("disagreements", f"strata.{HELD_OUT}.disagreements"),
            ("sampled ε", f"strata.{HELD_OUT}.epsilon"),
            ("verdict", lambda cell: f"= {cell.repeats}" if cell.repeats else cell.verdict.value),
        ),
        "in_short": show(
            [next(filter(lambda cell: cell.is_distinct, cells)) for cells in groups.values()],
            "`interpretation`",
            ("α_1", lambda c: "*vacuous*" if readings[c.tags["reading"]].vacuous else "can fail"),
            ("inputs", inputs),
            "n",
            *cell_columns(files.rows(axioms.CELLS)),
        ),
        "partial": partial_tables(files, p),
        "p": p,
        "p_in_short": p.in_short(files.rows(axioms.CELLS)),
        "chart": Chart("axioms", "ε of every cell", groups),
    }
    return Section("Axioms", "axioms.md", parts)


def failing_pairs(files: RunFiles) -> Section | None:
    """The smallest inputs on which cells of the main interpretation fail."""
    if not main_cells(files):
        return None
    pairs = files.show(FAILING, "axiom component disagreements a b sum network_answer")
    return Section("Where the main interpretation fails", "failing.md", {"pairs": pairs})


def can_the_readings_fail(files: RunFiles) -> Section | None:
    """The readings of the network beside those of the controls."""
    if not files.rows(controls.READINGS):
        return None
    readings = files.show(
        controls.READINGS,
        "map reading subject judged_on points features",
        ("can it fail?", lambda row: "no: vacuous" if row.vacuous else "yes"),
        "n root_mean_square_error largest_error",
        ("R²", lambda row: CellText(f"{row.r_squared:.4f}", row.r_squared)),
    )
    return Section("Can the readings fail? (D4)", "readings.md", {"readings": readings})


def beside_the_paper(files: RunFiles) -> Section:
    """The printed ε beside those measured on the held-out inputs."""
    problem = files.settings.problem
    comparisons = paper_values.compare_with_paper(problem, files.rows(axioms.CELLS))
    own = {"p": problem.p, "paper_p": paper_values.PAPER_PROBLEM.p}
    own |= {"kind": files.settings.model.kind, "compared": bool(comparisons)}
    parts = {**paper_comparison.paper_section(comparisons).parts, **own}
    return Section("Beside the paper", "paper_beside.md", parts)


_SECTIONS: tuple[report.Maker, ...] = (
    targets,
    network,
    the_circuit,
    the_axioms,
    failing_pairs,
    can_the_readings_fail,
    progress,
    beside_the_paper,
)
MAKERS = report.with_figures(_SECTIONS, figures)
