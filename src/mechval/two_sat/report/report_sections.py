"""Sections of the report on accuracy, training and the circuit."""

from statistics import median

from mechval.axioms import clopper_pearson_upper
from mechval.reporting.markdown import markdown_table, significant
from mechval.two_sat.circuit.evidence.program_rows import DISJUNCTION
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.network.accuracy import Accuracy, ClassCount
from mechval.two_sat.report import published_values
from mechval.two_sat.report.report_tables import ReportTables

MOST_NEURONS_SHOWN = 12
_CIRCUIT_TABLES = (
    "circuit/metrics.json",
    "circuit/neurons.csv",
    "circuit/mean_activations.csv",
    "circuit/evidence/coverage.csv",
    "circuit/attention.csv",
    "data/metrics.json",
)


def source(*names: str) -> str:
    """The sentence that names the tables a section was made from."""
    links = ", ".join(f"[`{name}`](../{name})" for name in names)
    return f"Source: {links}."


def figure(name: str, caption: str) -> str:
    """A figure with its vector version."""
    return f"![{caption}](figures/{name}.svg)\n\n*{caption}*"


def render_accuracy(tables: ReportTables) -> str:
    """How often the network is right, in all and by class."""
    total = tables.accuracy
    counts = [("all", total), *sorted(total.classes.items())]
    table = markdown_table(
        ["formulas", "N:", "wrong:", "accuracy:", f"lower {total.confidence:.0%} bound:"],
        [[name, *_accuracy_cells(count, total.confidence)] for name, count in counts],
    )
    return "\n\n".join(
        [
            "## Accuracy",
            "Formulas of the training corpus's test split, of which nothing was chosen or fitted. "
            "Each bound is one-sided Clopper–Pearson, and holds for formulas drawn like these: "
            "half of them satisfiable.",
            table,
            *_published_accuracy(tables),
            source("train/metrics.json"),
        ]
    )


def render_training(tables: ReportTables) -> str:
    """What the training looked like; a sentence where the network was imported."""
    if not tables.curve:
        return (
            "## Training\n\nThe network is the authors' checkpoint; its training is no part of "
            "this run, so there is no learning curve."
        )
    phases = list(dict.fromkeys(point.phase for point in tables.curve))
    header = ["phase", "steps:", "formulas:", "last training loss:", "selection loss:"]
    header += [
        "N:",
        "wrong:",
        "selection accuracy:",
        f"lower {tables.accuracy.confidence:.0%} bound:",
    ]
    parts = [
        "## Training",
        markdown_table(header, [_phase_cells(tables, phase) for phase in phases]),
    ]
    if "finishing" in phases:
        parts.append(
            "Phase `finishing` trains the last MLP and the unembedding alone, on residual streams "
            "computed once per formula. Its formulas are counted apart: none of them passes "
            "through the rest of the network again."
        )
    return "\n\n".join(
        [
            *parts,
            figure("learning-curve", "Error and loss against formulas seen"),
            figure("sparsity", "Neurons that carry 99.9 % of the effect, over training"),
            source("train/learning_curve.csv", "train/snapshots.csv", "data/metrics.json"),
        ]
    )


def render_circuit(tables: ReportTables, reading: ReadingName) -> str:
    """How sparse the network is, how its neurons are read, and where block 0 attends."""
    return "\n\n".join(
        [
            "## Circuit",
            _sparsity(tables),
            _readings(tables),
            _largest_neurons(tables, reading),
            figure("neuron-effects", "Effect of each neuron on the `s` logit"),
            figure("assignments", "What each evaluating neuron responds to"),
            _attention(tables),
            figure("own-clause-attention", "Attention of block 0 to the own clause"),
            source(*_CIRCUIT_TABLES),
        ]
    )


def _accuracy_cells(count: ClassCount | Accuracy, confidence: float) -> list[str]:
    lower = 1 - clopper_pearson_upper(count.wrong_count, count.n, confidence)
    accuracy = 1 - count.wrong_count / count.n
    return [f"{count.n:,}", f"{count.wrong_count:,}", f"{accuracy:.5f}", f"{lower:.5f}"]


def _published_accuracy(tables: ReportTables) -> list[str]:
    if not tables.run.has_published_values:
        return []
    return [
        f"Published model (its log, epoch 900): test accuracy {published_values.TEST_ACCURACY}; "
        "the size of that test is not stated there."
    ]


def _phase_cells(tables: ReportTables, phase: str) -> list[str]:
    last = [point for point in tables.curve if point.phase == phase][-1]
    n = tables.curve_formulas(phase)
    selection = ClassCount(n=n, wrong_count=round((1 - last.selection_accuracy) * n))
    return [
        phase,
        f"{last.step:,}",
        f"{last.examples:,}",
        significant(last.train_loss),
        significant(last.selection_loss),
        *_accuracy_cells(selection, tables.accuracy.confidence),
    ]


def _sparsity(tables: ReportTables) -> str:
    facts = tables.circuit
    text = (
        "The effect of a neuron is its largest activation times the size of its coefficient on "
        f"the `s` logit. **{facts.carrying_neurons} neurons carry {facts.effect_share:.1%} of the "
        f"total effect**, {facts.carrying_neurons_with_negative_coefficient} of them with a "
        f"negative coefficient (N = {tables.split_size('analysis.fit'):,} formulas of the "
        "analysis corpus's fitting split, as for everything in this section)."
    )
    if tables.run.has_published_values:
        text += f" Published model: {published_values.CARRYING_NEURONS}."
    return text


def _readings(tables: ReportTables) -> str:
    names = list(tables.circuit.readings)
    facts = tables.circuit.readings.values()
    own = [row for row in tables.coverage if row.in_circuit]
    trees = [row for row in own if row.program != DISJUNCTION]
    disjunctions = [row for row in own if row.program == DISJUNCTION]
    rows = [
        ["evaluating neurons", *(f"{fact.evaluating_neurons}" for fact in facts)],
        ["constant bits refused", *(f"{len(fact.constant_bits_refused)}" for fact in facts)],
        ["on-rate: least, median, most", *(_on_rates(tables, name) for name in names)],
        ["assignments covered by trees", *(_of(c.covered_pruned, c.assignments) for c in trees)],
        [
            "… by trees before pruning",
            *(_of(covered.covered_unpruned, covered.assignments) for covered in trees),
        ],
        [
            "… by disjunctions",
            *(_of(covered.covered_pruned, covered.assignments) for covered in disjunctions),
        ],
    ]
    return markdown_table(["reading", *(f"`{name}`:" for name in names)], rows)


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}"


def _on_rates(tables: ReportTables, name: ReadingName) -> str:
    rates = [
        rate
        for neuron in tables.neurons
        if name in neuron.reading and (rate := neuron.reading[name].on_rate) is not None
    ]
    if not rates:
        return "no neuron"
    return ", ".join(significant(rate) for rate in (min(rates), median(rates), max(rates)))


def _largest_neurons(tables: ReportTables, name: ReadingName) -> str:
    rows = []
    for neuron in tables.neurons:
        reading = neuron.reading[name]
        if reading.evaluates and reading.cut is not None:
            rows.append(
                [
                    str(neuron.neuron),
                    significant(neuron.effect),
                    f"{neuron.effect_share:.2%}",
                    significant(reading.cut),
                    significant(reading.on_rate or 0),
                    f"`{reading.tree}`",
                    f"`{reading.disjunction}`",
                ]
            )
    shown = rows[:MOST_NEURONS_SHOWN]
    header = ["neuron", "effect (logits):", "share:", "cut:", "on-rate:", "tree", "disjunction"]
    return (
        f"The {len(shown)} evaluating neurons of reading `{name}` with the largest effect, of "
        f"{len(rows)}. `φa` is 1 where assignment a satisfies the formula; bit v of a is the "
        f"value of variable v; `(φ0 ? 1 : 0)` is a split.\n\n{markdown_table(header, shown)}"
    )


def _attention(tables: ReportTables) -> str:
    best: dict[int, float] = {}
    for row in tables.attention:
        best[row.clause] = max(best.get(row.clause, 0.0), row.own_clause_attention)
    clause = min(best, key=lambda position: best[position])
    return (
        "Block 0's attention from a clause's second literal to the two literals of that clause: "
        f"at every clause position some head puts a mean of at least {significant(best[clause])} "
        f"there (the least is at position {clause}, counted from 0)."
    )
