"""Sections on the network: accuracy, training, its circuit and the evidence for it."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, median
from typing import Any

from mechval.axioms.statistics import clopper_pearson_upper
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, Pick, Shown, by, show, told
from mechval.two_sat.circuit.evidence import (
    ablations,
    attention_extremes,
    contributions,
    coverage,
    gather,
    neuron_rows,
)
from mechval.two_sat.consolidate.curve import CURVE
from mechval.two_sat.formulas.dataset import DATA
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.training import LEARNING_CURVE, LearningCurveRow
from mechval.two_sat.report import measured, printed_values

_MOST_NEURONS_SHOWN = 12


def accuracy(files: RunFiles) -> Section:
    """How often the network is right, in all and by class."""
    found = measured.accuracy(files)
    rows = {"all": found, **found.classes}
    shown = show(
        rows,
        ("formulas", str),
        *_answers(found.confidence, lambda name: (rows[name].wrong_count, rows[name].n)),
    )
    published = printed_values.TEST_ACCURACY if measured.is_paper_size(files) else None
    return Section("Accuracy", "accuracy.md", {"accuracy": shown, "published": published})


def training(files: RunFiles) -> Section | None:
    """What the training looked like; None where the network was imported."""
    if files.settings.model.kind != "own":
        return None
    sizes = evaluation_sizes(files)
    last = {point.phase: point for point in files.rows(LEARNING_CURVE)}

    def counts(point: LearningCurveRow) -> tuple[int, int]:
        n = sizes[point.phase]
        return round((1 - point.selection_accuracy) * n), n

    columns = _answers(measured.accuracy(files).confidence, counts)
    phases = show(last.values(), "phase step examples train_loss selection_loss", *columns)
    parts = {"phases": phases, "has_finishing": "finishing" in last}
    return Section("Training", "training.md", parts)


def consolidation(files: RunFiles) -> Section | None:
    """How a network was trained on until it could be proved; None where none was."""
    if files.settings.consolidate is None:
        return None
    last = {row.phase: row for row in files.rows(CURVE)}
    phases = show(
        last.values(),
        "phase step loss accuracy own_gap colon_gap unread_gap position_spread value_spread",
        "clause_spread pool_wrong pool_margin lower_bound upper_bound",
    )
    return Section("Consolidation", "consolidation.md", {"phases": phases})


def circuit(files: RunFiles) -> Section:
    """How sparse the network is, and how its neurons are read."""
    facts, neurons = files.record(gather.FACTS), files.rows(neuron_rows.NEURONS)
    reading, is_papers = measured.main_tags(files)["reading"], measured.is_paper_size(files)
    evaluating = [row for row in neurons if row.reading[reading].evaluates]
    parts = {
        "facts": facts,
        "n": split_size(files, "analysis.fit"),
        "published": printed_values.CARRYING_NEURONS if is_papers else None,
        "reading": reading,
        "readings": _readings(files, neurons),
        "neurons": show(
            evaluating[:_MOST_NEURONS_SHOWN],
            ("neuron", lambda row: str(row.neuron)),
            ("effect (logits)", "effect"),
            f"effect_share reading.{reading}.cut reading.{reading}.on_rate",
            f"`reading.{reading}.tree` `reading.{reading}.disjunction`",
        ),
        "n_evaluating": len(evaluating),
    }
    return Section("Circuit", "circuit.md", parts)


def evidence(files: RunFiles) -> Section:
    """Attention, scores, ablations and the programs of single neurons."""
    cases = by(files.rows(attention_extremes.WORST_CASES), "choice", "target")
    parts = {
        "facts": files.record(gather.FACTS),
        "ablations": files.show(ablations.ABLATIONS, "description flips n rate lower upper"),
        "logit_differences": files.show(
            ablations.LOGIT_DIFFERENCES, "part smallest mean largest n"
        ),
        "extremes": files.show(attention_extremes.ANSWER_EXTREMES, "version head smallest largest"),
        "n_ctx": FormulaLayout(files.settings.problem).n_ctx,
        # The least weights over all heads and clauses: the weakest case of each kind.
        "worst_cases": show(
            [min(rows, key=lambda row: row.weight) for rows in cases.values()],
            "choice target weight head clause first second",
        ),
        "programs": _programs(files),
        "preactivation": files.show(
            contributions.PREACTIVATION_PARTS,
            "part",
            ("neuron", lambda row: "fires" if row.is_active else "silent"),
            "n mean sd",
        ),
    }
    return Section("Circuit evidence", "evidence.md", parts)


def split_size(files: RunFiles, name: str) -> int:
    """Formulas in a split."""
    return next(split.formulas for split in files.record(DATA).splits if split.name == name)


def _answers(confidence: float, counts: Callable[[Any], tuple[int, int]]) -> list[Pick]:
    """Columns on how often the network is right; ``counts`` are wrong answers and N of a row."""

    def share(wrong: float) -> CellText:
        return CellText(f"{1 - wrong:.5f}", 1 - wrong)

    return [
        ("N", lambda row: counts(row)[1]),
        ("wrong", lambda row: counts(row)[0]),
        ("accuracy", lambda row: share(counts(row)[0] / counts(row)[1])),
        (
            f"lower {confidence:.0%} bound",
            lambda row: share(clopper_pearson_upper(*counts(row), confidence)),
        ),
    ]


def evaluation_sizes(files: RunFiles) -> dict[str, int]:
    """Per training phase, how many selection formulas an accuracy is measured on."""
    settings, available = files.settings, split_size(files, "training.selection")
    recipes = {"training": settings.training, "finishing": settings.finishing}
    return {
        phase: min(recipe.evaluation_examples, available)
        for phase, recipe in recipes.items()
        if recipe
    }


def _readings(files: RunFiles, neurons: Sequence[neuron_rows.NeuronRow]) -> Shown:
    """A row per reading: how many neurons it reads, how often they are on, what they cover."""
    programs = [row for row in files.rows(coverage.COVERAGE) if row.in_circuit]
    covering = {(row.reading, row.program == coverage.DISJUNCTION): row for row in programs}

    def on_rates(name: str) -> str:
        rates = [row.reading[name].on_rate for row in neurons]
        known = [rate for rate in rates if rate is not None]
        return ", ".join(told(of(known)) for of in (min, median, max) if known) or "no neuron"

    def count(name: str, flag: str) -> int:
        return sum(getattr(row.reading[name], flag) for row in neurons)

    def covered(name: str, kind: bool, count: str) -> str:
        row = covering[name, kind]
        return f"{getattr(row, count)} of {row.assignments}"

    return show(
        list(neurons[0].reading),
        ("reading", str),
        ("evaluating neurons", partial(count, flag="evaluates")),
        ("constant bits refused", partial(count, flag="is_constant")),
        ("on-rate: least, median, most", on_rates),
        ("covered by trees", partial(covered, kind=False, count="covered_pruned")),
        ("… before pruning", partial(covered, kind=False, count="covered_unpruned")),
        ("… by disjunctions", partial(covered, kind=True, count="covered_pruned")),
    )


def _programs(files: RunFiles) -> Shown:
    """Coverage and F1 of every kind of program, by reading."""
    quality = by(files.rows(coverage.PROGRAM_QUALITY), "reading")

    def f1(row: coverage.CoverageRow) -> list[float]:
        return [each.f1(row.program) for each in quality.get(row.reading, ())]

    return files.show(
        coverage.COVERAGE,
        "reading program covered_pruned covered_unpruned",
        ("of", "assignments"),
        ("smallest F1", lambda row: min(f1(row), default=None)),
        ("mean F1", lambda row: fmean(f1(row)) if f1(row) else None),
    )
