"""Sections on the network: accuracy, training, its circuit and the evidence for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mechval.axioms.statistics import clopper_pearson_upper
from mechval.reporting.report import CellText, Figure, RunFiles, Section, Shown, show, told
from mechval.two_sat.circuit.evidence import (
    ablations,
    answer_extremes,
    attention,
    clause_scores,
    contribution_rows,
    facts,
    neuron_rows,
    program_rows,
    scores,
    worst_case,
)
from mechval.two_sat.circuit.evidence.neuron_rows import NeuronRow
from mechval.two_sat.circuit.sparsity import SNAPSHOTS
from mechval.two_sat.formulas.card import DATA
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.accuracy import ACCURACY
from mechval.two_sat.network.training import LEARNING_CURVE, LearningCurveRow
from mechval.two_sat.report import measured, published_values
from mechval.two_sat.report.figures import attention as attention_figures
from mechval.two_sat.report.figures import circuit as circuit_figures
from mechval.two_sat.report.figures import network as network_figures

_MOST_NEURONS_SHOWN = 12


@dataclass(frozen=True)
class _Answers:
    """How often the network is right on formulas of one kind."""

    formulas: str
    n: int
    wrong: int
    confidence: float

    @property
    def accuracy(self) -> CellText:
        return _share(1 - self.wrong / self.n)

    @property
    def lower(self) -> CellText:
        return _share(1 - clopper_pearson_upper(self.wrong, self.n, self.confidence))


def accuracy(files: RunFiles) -> Section:
    """How often the network is right, in all and by class."""
    found = files.record(ACCURACY)
    counts = {"all": found, **found.classes}
    answers = [
        _Answers(name, count.n, count.wrong_count, found.confidence)
        for name, count in counts.items()
    ]
    return Section(
        "Accuracy",
        "accuracy.md",
        {
            "accuracy": show(answers, "formulas", *_shown_answers(found.confidence)),
            "published": published_values.TEST_ACCURACY if measured.is_paper_size(files) else None,
        },
    )


def training(files: RunFiles) -> Section | None:
    """What the training looked like; None where the network was imported."""
    if files.settings.model.kind != "own":
        return None
    curve, snapshots = files.rows(LEARNING_CURVE), files.rows(SNAPSHOTS)
    sizes = _evaluation_sizes(files)
    confidence = files.record(ACCURACY).confidence
    last = {point.phase: point for point in curve}

    def answers(point: LearningCurveRow) -> _Answers:
        n = sizes[point.phase]
        return _Answers(point.phase, n, round((1 - point.selection_accuracy) * n), confidence)

    picks = [(title, lambda point, name=name: getattr(answers(point), name))
             for title, name in _shown_answers(confidence)]  # fmt: skip
    own = ("phase", "step", "examples", "train_loss", "selection_loss")
    with_published = measured.is_paper_size(files)
    return Section(
        "Training",
        "training.md",
        {
            "phases": show(last.values(), *own, *picks),
            "has_finishing": "finishing" in last,
            "figures": [
                Figure(
                    "learning-curve",
                    lambda: network_figures.draw_learning_curve(curve, sizes, with_published),
                ),
                Figure(
                    "sparsity", lambda: network_figures.draw_sparsity(snapshots, with_published)
                ),
            ],
        },
    )


def circuit(files: RunFiles) -> Section:
    """How sparse the network is, and how its neurons are read."""
    found, neurons = files.record(facts.FACTS), files.rows(neuron_rows.NEURONS)
    means = files.rows(neuron_rows.MEAN_ACTIVATIONS)
    reading, is_papers = measured.main_tags(files)["reading"], measured.is_paper_size(files)
    evaluating = [row for row in neurons if row.reading[reading].evaluates]
    place = f"reading.{reading}"
    return Section(
        "Circuit",
        "circuit.md",
        {
            "facts": found,
            "n": split_size(files, "analysis.fit"),
            "published": published_values.CARRYING_NEURONS if is_papers else None,
            "reading": reading,
            "readings": _readings(files, neurons),
            "neurons": show(
                evaluating[:_MOST_NEURONS_SHOWN],
                ("neuron", lambda row: str(row.neuron)),
                ("effect (logits)", "effect"),
                "effect_share",
                *(f"{place}.{name}" for name in ("cut", "on_rate")),
                ("tree", lambda row: f"`{row.reading[reading].tree}`"),
                ("disjunction", lambda row: f"`{row.reading[reading].disjunction}`"),
            ),
            "n_evaluating": len(evaluating),
            "effects": Figure(
                "neuron-effects",
                lambda: circuit_figures.draw_effects(
                    neurons, found.carrying_neurons, found.effect_share
                ),
            ),
            "assignments": Figure(
                "assignments", lambda: circuit_figures.draw_assignments(means, neurons, reading)
            )
            if evaluating
            else "",
        },
    )


def evidence(files: RunFiles) -> Section:
    """Attention, scores, ablations and the programs of single neurons."""
    return Section(
        "Circuit evidence",
        "evidence.md",
        {
            "facts": files.record(facts.FACTS),
            "ablations": show(
                files.rows(ablations.ABLATIONS),
                "description",
                "flips",
                "n",
                "rate",
                "lower",
                "upper",
            ),
            "logit_differences": show(
                files.rows(ablations.LOGIT_DIFFERENCES), "part", "smallest", "mean", "largest", "n"
            ),
            "extremes": show(
                files.rows(answer_extremes.ANSWER_EXTREMES),
                "version",
                "head",
                "smallest",
                "largest",
            ),
            "worst_cases": _worst_cases(files),
            "programs": _programs(files),
            "figures": [*_attention_figures(files), *_neuron_figures(files)],
        },
    )


def split_size(files: RunFiles, name: str) -> int:
    """Formulas in a split."""
    return next(split.formulas for split in files.record(DATA).splits if split.name == name)


def _share(accuracy: float) -> CellText:
    return CellText(f"{accuracy:.5f}", accuracy)


def _shown_answers(confidence: float) -> list[tuple[str, str]]:
    titles = {"N": "n", "wrong": "wrong", "accuracy": "accuracy"}
    return [*titles.items(), (f"lower {confidence:.0%} bound", "lower")]


def _evaluation_sizes(files: RunFiles) -> dict[str, int]:
    """Per training phase, how many selection formulas an accuracy is measured on."""
    settings, available = files.settings, split_size(files, "training.selection")
    recipes = {"training": settings.training, "finishing": settings.finishing}
    return {
        phase: min(recipe.evaluation_examples, available)
        for phase, recipe in recipes.items()
        if recipe
    }


def _readings(files: RunFiles, neurons: Sequence[NeuronRow]) -> Shown:
    """A row per reading: how many neurons it reads, how often they are on, what they cover."""
    coverage = [row for row in files.rows(program_rows.COVERAGE) if row.in_circuit]

    def on_rates(name: str) -> str:
        rates = [row.reading[name].on_rate for row in neurons]
        known = [rate for rate in rates if rate is not None]
        if not known:
            return "no neuron"
        return ", ".join(told(rate) for rate in (min(known), median(known), max(known)))

    def covered(reading: str, kind: str, *, pruned: bool) -> str:
        row = next(
            row for row in coverage if row.reading == reading and row.program.startswith(kind)
        )
        count = row.covered_pruned if pruned else row.covered_unpruned
        return f"{count} of {row.assignments}"

    return show(
        list(neurons[0].reading),
        ("reading", lambda name: name),
        ("evaluating neurons", lambda name: sum(row.reading[name].evaluates for row in neurons)),
        (
            "constant bits refused",
            lambda name: sum(row.reading[name].is_constant for row in neurons),
        ),
        ("on-rate: least, median, most", on_rates),
        ("covered by trees", lambda name: covered(name, "trees", pruned=True)),
        ("… before pruning", lambda name: covered(name, "trees", pruned=False)),
        ("… by disjunctions", lambda name: covered(name, "disjunction", pruned=True)),
    )


def _worst_cases(files: RunFiles) -> Shown:
    """The least weights over all heads and clauses: the weakest case of each kind."""
    weakest: dict[tuple[str, str], worst_case.WorstCaseRow] = {}
    for row in files.rows(worst_case.WORST_CASES):
        key = (row.choice, row.target)
        weakest[key] = min(weakest.get(key, row), row, key=lambda row: row.weight)
    return show(weakest.values(), "choice", "target", "weight", "head", "clause", "first", "second")


def _programs(files: RunFiles) -> Shown:
    """Coverage and F1 of every kind of program, by reading."""
    quality = files.rows(program_rows.PROGRAM_QUALITY)

    def f1(row: program_rows.CoverageRow) -> list[float]:
        return [each.f1(row.program) for each in quality if each.reading == row.reading]

    return show(
        files.rows(program_rows.COVERAGE),
        "reading",
        "program",
        "covered_pruned",
        "covered_unpruned",
        ("of", "assignments"),
        ("smallest F1", lambda row: min(f1(row), default=None)),
        ("mean F1", lambda row: sum(f1(row)) / len(f1(row)) if f1(row) else None),
    )


def _attention_figures(files: RunFiles) -> list[Figure]:
    formula, means = files.rows(attention.FORMULA_ATTENTION), files.rows(attention.MEAN_ATTENTION)
    expected, own = (
        files.rows(scores.EXPECTED_ATTENTION),
        files.rows(attention.OWN_CLAUSE_ATTENTION),
    )
    worst, extremes = (
        files.rows(worst_case.WORST_CASES),
        files.rows(answer_extremes.ANSWER_EXTREMES),
    )
    of_clauses, of_tokens = files.rows(clause_scores.CLAUSE_SCORES), files.rows(scores.SCORES)
    layout, draw = FormulaLayout(files.settings.problem), attention_figures
    seconds = [row for row in expected if row.position in layout.second_literal_positions]
    return [
        Figure(
            "formula-attention",
            lambda: draw.draw_patterns(formula, "attention on the first test formula", 3),
        ),
        Figure("mean-attention", lambda: draw.draw_mean_attention(means)),
        Figure(
            "block0-expected-attention",
            lambda: draw.draw_patterns(seconds, "softmax of the mean scores", 2),
        ),
        Figure("own-clause-attention", lambda: draw.draw_own_clause(worst, own)),
        Figure(
            "answer-attention-extremes", lambda: draw.draw_answer_extremes(extremes, layout.n_ctx)
        ),
        Figure("block1-clause-scores", lambda: draw.draw_clause_scores(of_clauses)),
        *(
            Figure(
                f"block0-scores-head-{head}",
                lambda head=head: draw.draw_scores(of_tokens, head),
                f"Attention scores of block 0, head {head}, split by token and position: brown "
                "columns at brackets say “do not look here”.",
            )
            for head in dict.fromkeys(row.head for row in of_tokens)
        ),
    ]


def _neuron_figures(files: RunFiles) -> list[Figure]:
    flips, differences = files.rows(ablations.ABLATIONS), files.rows(ablations.LOGIT_DIFFERENCES)
    effects, neurons = files.rows(neuron_rows.ASSIGNMENT_EFFECTS), files.rows(neuron_rows.NEURONS)
    quality, coverage = files.rows(program_rows.PROGRAM_QUALITY), files.rows(program_rows.COVERAGE)
    histograms = files.rows(contribution_rows.HISTOGRAMS)
    parts = files.rows(contribution_rows.PREACTIVATION_PARTS)
    shown = files.record(facts.FACTS).shown_neuron
    draw = circuit_figures
    return [
        Figure("ablations", lambda: draw.draw_ablations(flips, differences)),
        Figure("assignment-effects", lambda: draw.draw_assignment_effects(effects)),
        Figure("neuron-programs", lambda: draw.draw_programs(quality, coverage, neurons)),
        Figure("clause-contributions", lambda: draw.draw_contributions(histograms, shown)),
        Figure("preactivation-parts", lambda: draw.draw_preactivation(parts, shown)),
    ]
