"""What the report of a run says: one maker per section, from the run's tables alone."""

from collections.abc import Sequence
from functools import partial

from mechval.axioms.progress import CELLS
from mechval.modular_addition.circuit import examples, losses
from mechval.modular_addition.circuit import extract as circuit
from mechval.modular_addition.circuit.losses import LOSS_POINTS
from mechval.modular_addition.claim.assess import SNAPSHOTS
from mechval.modular_addition.network import training
from mechval.modular_addition.report import claim_content, figures, published_values
from mechval.reporting import report
from mechval.reporting.figures_progress import error_of, progress_figures
from mechval.reporting.report import Figure, RunFiles, Section
from mechval.reporting.shown import CellText, Shown, by, show, told

PACKAGE = __name__.rpartition(".")[0]
TEXTS = (published_values.DATA_FILE, *report.templates(PACKAGE))
"""What the report says besides what its modules do."""
MEASURES = {
    "cross-entropy, train": lambda row: row.train_loss,
    "cross-entropy, held out": lambda row: row.test_loss,
    "1 − accuracy, held out": lambda row: error_of(row.test_accuracy, row.n),
}
"""Lines of the learning curve above ε, of a row of snapshots.csv."""


def title(files: RunFiles) -> str:
    """The heading of the page."""
    settings = files.settings
    return f"Addition modulo {settings.problem.p}: {settings.model.kind} model, seed {files.seed}"


def network(files: RunFiles) -> Section:
    """What the network answers and how it was trained."""
    is_own = files.settings.model.kind == "own"
    answers = files.record(training.ANSWERS)
    curve = files.rows(training.CURVE) if is_own else ()
    counts = {"all": answers, "trained on": answers.train, "held out": answers.test}
    draw = partial(figures.draw_learning_curve, curve, answers)
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
        "curve": Figure("learning-curve", draw) if is_own else None,
    }
    return Section("Network", "network.md", parts)


def the_circuit(files: RunFiles) -> Section:
    """Which frequencies the network computes with, and how far they explain it."""
    frequencies, neurons = circuit.FREQUENCIES, circuit.NEURONS
    draw, figure = figures, files.figure
    keys = [row for row in files.rows(frequencies) if row.is_key]
    drawn = [
        figure("embedding", draw.draw_embedding, frequencies),
        figure("neurons", draw.draw_neurons, neurons, frequencies),
    ]
    parts = {
        "losses": _losses(files.rows(losses.LOSSES)),
        "facts": files.record(circuit.FACTS),
        "frequencies": show(
            keys,
            "frequency embedding_power_share neurons neurons_explained logit_coefficient "
            "logit_variance_share",
        ),
    }
    found = examples.load_examples(files.folder("circuit"))
    if len(found.neurons):
        over_inputs = partial(draw.draw_neurons_over_inputs, found, files.rows(neurons))
        drawn.append(Figure("neurons-over-inputs", over_inputs))
    drawn.append(Figure("logit-spectrum", partial(draw.draw_logit_spectrum, found)))
    return Section("Circuit", "circuit.md", {**parts, "figures": drawn})


def _losses(rows: Sequence[losses.Loss]) -> Shown:
    """A row per kind of logits, a column per part of the inputs."""
    found = by(rows, "logits", "inputs")

    def cell(logits: str, part: str) -> CellText:
        (row,) = found[logits, part]
        return CellText(f"{told(row.loss)} ({row.accuracy:.4f})", row.loss)

    titles = {part: f"{part}: loss (accuracy)" for part in by(rows, "inputs")}
    columns = ((title, partial(cell, part=part)) for part, title in titles.items())
    return show(by(rows, "logits"), ("logits", str), *columns)


def progress(files: RunFiles) -> Section | None:
    """The axioms and the losses over the training; nothing without its snapshots."""
    points = files.rows(LOSS_POINTS)
    unit = f"inputs seen ({files.record(training.ANSWERS).train.n:,} in each step)"
    drawn = progress_figures(files.rows(CELLS), files.rows(SNAPSHOTS), MEASURES, unit)
    if any(point.examples is not None for point in points):
        draw = partial(figures.draw_loss_progress, points, unit)
        drawn.append(Figure("losses-over-training", draw))
    return Section("Over the training", "progress.md", {"figures": drawn}) if drawn else None


MAKERS: tuple[report.Maker, ...] = (
    claim_content.targets,
    network,
    the_circuit,
    claim_content.the_axioms,
    claim_content.failing_pairs,
    claim_content.can_the_readings_fail,
    progress,
    claim_content.beside_the_paper,
)
