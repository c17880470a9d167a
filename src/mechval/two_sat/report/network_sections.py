"""Sections on the network: accuracy, training, its circuit and the evidence for it."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, median
from typing import Any

from mechval.axioms.report import Estimate
from mechval.reporting.report import RunFiles, Section
from mechval.reporting.shown import CellText, Pick, Shown, by, show, told
from mechval.two_sat.circuit.evidence import coverage, gather, neuron_rows
from mechval.two_sat.circuit.evidence.ablations import ABLATIONS, LOGIT_DIFFERENCES
from mechval.two_sat.circuit.evidence.attention_extremes import ANSWER_EXTREMES, WORST_CASES
from mechval.two_sat.circuit.evidence.contributions import PREACTIVATION_PARTS
from mechval.two_sat.consolidate.curve import CURVE
from mechval.two_sat.formulas.dataset import DATA
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.training import LEARNING_CURVE, LearningCurveRow
from mechval.two_sat.report import measured, paper_values

_MOST_NEURONS_SHOWN = 12


def accuracy(files: RunFiles) -> Section:
    """How often the network is right, in all and by class."""
    found = measured.accuracy(files)
    counts = {"all": found, **found.classes}
    wrong = {
        name: Estimate.of(row.wrong_count, row.n, found.confidence) for name, row in counts.items()
    }
    shown = show(wrong, ("formulas", str), *_answers(found.confidence, wrong.__getitem__))
    published = paper_values.TEST_ACCURACY if measured.is_paper_size(files) else None
    return Section("Accuracy", "accuracy.md", {"accuracy": shown, "published": published})


def training(files: RunFiles) -> Section | None:
    """What the training looked like; None where the network was imported."""
    if files.settings.model.kind != "own":
        return None
    sizes, curve = evaluation_sizes(files), files.rows(LEARNING_CURVE)
    last = {point.phase: point for point in curve}
    confidence = measured.accuracy(files).confidence

    def wrong(point: LearningCurveRow) -> Estimate:
        n = sizes[point.phase]
        return Estimate.of(round((1 - point.selection_accuracy) * n), n, confidence)

    columns = _answers(confidence, wrong)
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
        "published": paper_values.CARRYING_NEURONS if is_papers else None,
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
    cases = by(files.rows(WORST_CASES), "choice", "target")
    parts = {
        "facts": files.record(gather.FACTS),
        "ablations": files.show(ABLATIONS, "description flips n rate lower upper"),
        "logit_differences": files.show(LOGIT_DIFFERENCES, "part smallest mean largest n"),
        "extremes": files.show(ANSWER_EXTREMES, "version head smallest largest"),
        "n_ctx": FormulaLayout(files.settings.problem).n_ctx,
        # The least weights over all heads and clauses: the weakest case of each kind.
        "worst_cases": show(
            [min(rows, key=lambda row: row.weight) for rows in cases.values()],
            "choice target weight head clause first second",
        ),
        "programs": _programs(files),
        "preactivation": files.show(
            PREACTIVATION_PARTS,
            "part",
            ("neuron", lambda row: "fires" if row.is_active else "silent"),
            "n mean sd",
        ),
    }
    return Section("Circuit evidence", "evidence.md", parts)


def split_size(files: RunFiles, name: str) -> int:
    """Formulas in a split."""
    return next(split.formulas for split in files.record(DATA).splits if split.name == name)


def _answers(confidence: float, wrong: Callable[[Any], Estimate]) -> list[Pick]:
    """Columns on how often the network is right, from the rate of ``wrong`` answers of a row."""

    def right(rate: float) -> CellText:
        return CellText(f"{1 - rate:.5f}", 1 - rate)

    return [
        ("N", lambda row: wrong(row).n),
        ("wrong", lambda row: wrong(row).disagreements),
        ("accuracy", lambda row: right(wrong(row).rate)),
        (f"lower {confidence:.0%} bound", lambda row: right(wrong(row).epsilon)),
    ]


def evaluation_sizes(files: RunFiles) -> dict[str, int]:
    """Per training phase, how many selection formulas an accuracy is measured on."""
    available = split_size(files, "training.selection")
    recipes = {"training": files.settings.training, "finishing": files.settings.finishing}
    asked = {phase: recipe.evaluation_examples for phase, recipe in recipes.items() if recipe}
    return {phase: min(n, available) for phase, n in asked.items()}


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
