"""What the 2-SAT study says on its pages."""

from collections.abc import Mapping

from mechval.errors import MechvalError
from mechval.reporting.page import (
    Answer,
    Component,
    FigureNote,
    PageContent,
    RunFolder,
    TableNote,
)

NEURONS = "circuit/neurons.csv"


def _claim(folder: RunFolder) -> tuple[str, str, str]:
    problem = folder.manifest("data").config["problem"]
    n_variables, n_clauses = problem["n_variables"], problem["n_clauses"]
    return (
        f"A two-block transformer reads a 2-SAT formula of {n_clauses} clauses over {n_variables} "
        "variables and answers whether it is satisfiable.",
        "The claim: its first block parses the clauses, single neurons of its second block each "
        f"fire when the formula is satisfied by certain of the {2**n_variables} assignments, and "
        "the answer is “satisfiable” as soon as one of them fires.",
        "Four axioms, at each of the three steps, measure how often network and program part "
        "ways.",
    )


def _neurons(folder: RunFolder) -> Answer:
    """Which evaluating neurons stand for which assignments, from the circuit's table."""
    reading = next(iter(folder.manifest("circuit").config["circuit"]["readings"]))
    n_formulas = _fitted_formulas(folder)
    n_assignments = 2 ** int(folder.manifest("data").config["problem"]["n_variables"])
    evaluating = [row for row in folder.table(NEURONS) if row[f"{reading}.evaluates"] == "True"]
    if not evaluating:
        return Answer("No neuron evaluates", (f"Sampled, N = {n_formulas:,} formulas.",), tone="bad")
    named = [_assignments(row[f"{reading}.disjunction"]) for row in evaluating]
    covered = set().union(*named)
    single = sum(len(names) == 1 for names in named)
    verdict = (
        f"{len(evaluating)} neurons evaluate {len(covered)} of {n_assignments} assignments; "
        f"{single} of them stand for exactly one"
    )
    sentences = (
        f"Sampled, N = {n_formulas:,} formulas. φ9 is the assignment number 9: its bit v is the "
        "value of variable v. A tree (φ9 ? 1 : 0) reads: fires if assignment 9 satisfies the "
        "formula.",
    )
    header = ("neuron", "fires for", "as a tree", "share of the effect", "fires on")
    rows = tuple(_neuron_row(row, reading) for row in evaluating)
    tone = "good" if len(covered) == n_assignments else "mixed"
    return Answer(verdict, sentences, header, rows, tone)


def _fitted_formulas(folder: RunFolder) -> int:
    splits = folder.values("data/metrics.json")["splits"]
    return next(split["formulas"] for split in splits if split["name"] == "analysis.fit")


def _assignments(disjunction: str) -> set[str]:
    names = {name.strip() for name in disjunction.split("∨")}
    if not all(name.startswith("φ") for name in names if name):
        raise MechvalError(f"{NEURONS} holds a disjunction that cannot be read: {disjunction!r}.")
    return names - {""}


def _neuron_row(row: Mapping[str, str], reading: str) -> tuple[str, ...]:
    return (
        row["neuron"],
        row[f"{reading}.disjunction"],
        row[f"{reading}.tree"],
        f"{float(row['effect_share']):.2%}",
        f"{float(row[f'{reading}.on_rate']):.2%} of formulas",
    )


def _figure(name: str, section: str, caption: str) -> FigureNote:
    return FigureNote(f"report/figures/{name}", section, caption)


FIGURES = (
    _figure(
        "axioms",
        "axioms",
        "One dot per cell: the further left, the rarer network and program disagree.",
    ),
    _figure(
        "tolerance",
        "axioms",
        "How ε of evaluate falls when a few wrong neurons are forgiven: a steep start means "
        "that most formulas have one wrong bit only.",
    ),
    _figure(
        "surface-*",
        "axioms",
        "ε of evaluate against where a neuron counts as on and what is put in for it: look for "
        "a wide pale valley, which means that the constants do not matter much.",
    ),
    _figure(
        "rivals-*",
        "axioms",
        "Rival programs beside the claimed one: a rival that scores as low would be as good an "
        "explanation.",
    ),
    _figure(
        "leaves-*",
        "axioms",
        "ε of evaluate against the size of the trees: look for where more leaves stop paying.",
    ),
    _figure(
        "front",
        "axioms",
        "ε against the length of the program in bits: towards the lower left is better.",
    ),
    _figure(
        "neuron-effects",
        "circuit",
        "Few neurons carry the answer: the curve drops to nothing behind them.",
    ),
    _figure(
        "assignments",
        "circuit",
        "Each row is a neuron, each column an assignment: a single bright spot per row means "
        "that the neuron stands for one assignment.",
    ),
    _figure(
        "own-clause-attention",
        "circuit",
        "At a clause's second literal, some head of the first block looks at the clause's own "
        "two literals and little else.",
    ),
    _figure(
        "formula-attention",
        "circuit",
        "Attention on one formula: the first block looks inside clauses, the second gathers "
        "clauses at the last token.",
    ),
    _figure(
        "mean-attention",
        "circuit",
        "The same as an average over formulas: the pattern belongs to positions, not to one "
        "formula.",
    ),
    _figure(
        "block0-scores-head-*",
        "circuit",
        "The first block's attention scores split by token and position: the stripes show that "
        "position decides whom a literal looks at.",
    ),
    _figure(
        "block0-expected-attention",
        "circuit",
        "What those scores amount to after the softmax: a block along the diagonal is a clause "
        "looking at itself.",
    ),
    _figure(
        "block0-worst-case",
        "circuit",
        "The least weight on a clause's own literals over every choice of tokens: high bars "
        "hold for all formulas, from weights alone.",
    ),
    _figure(
        "answer-attention-extremes",
        "circuit",
        "The last token attends almost evenly in the first block: the extremes stay near the "
        "line of equal weights.",
    ),
    _figure(
        "block1-clause-scores",
        "circuit",
        "How strongly each head of the second block attends to each clause: heads divide the "
        "clauses among themselves.",
    ),
    _figure(
        "coefficients",
        "circuit",
        "Output coefficients of all neurons: evaluating ones stand apart from the rest, which "
        "are near zero.",
    ),
    _figure(
        "ablations",
        "circuit",
        "What breaks when a part is taken away: long bars are parts that the answer needs.",
    ),
    _figure(
        "assignment-effects",
        "circuit",
        "Mean effect over the formulas that each assignment satisfies: no bar at zero means "
        "that no assignment is forgotten.",
    ),
    _figure(
        "neuron-programs",
        "circuit",
        "How well trees and disjunctions predict each neuron: points near the top are neurons "
        "that the program describes.",
    ),
    _figure(
        "clause-contributions",
        "circuit",
        "A clause that violates a neuron's assignment pushes it down: the two colours separate.",
    ),
    _figure(
        "preactivation-parts",
        "circuit",
        "What one neuron's pre-activation is made of: only formulas without a violating clause "
        "end above zero.",
    ),
    _figure(
        "learning-curve",
        "training",
        "A long plateau on literal counts, then a sudden fall: the network learns to parse.",
    ),
    _figure(
        "sparsity",
        "training",
        "How many neurons carry the answer during training: the finishing phase prunes them.",
    ),
    FigureNote(
        "progress/figures/*",
        "training",
        "The axioms on training snapshots: look for when each component's ε drops.",
    ),
)

PAGE = PageContent(
    study="two_sat",
    title="How a transformer decides 2-SAT",
    claim=_claim,
    components=(
        Component(
            "parse",
            "embeddings and block 1 (attention, MLP)",
            "lists the clauses, two literals each",
            "residual stream",
            "list of clauses",
        ),
        Component(
            "evaluate",
            "block 2: attention, then the MLP's hidden layer at “:”",
            "one bit per neuron: a tree or an OR over satisfying assignments",
            "neurons at “:”",
            "bits",
        ),
        Component(
            "output",
            "MLP output, unembedding, largest logit",
            "satisfiable if any bit is set",
            "s or u",
            "s or u",
        ),
    ),
    input_state="formula, as tokens",
    neurons_question="Which neurons evaluate which assignments?",
    neurons=_neurons,
    nulls="nulls/nulls.csv",
    front="axioms/front.csv",
    figures=FIGURES,
    tables=(
        TableNote(
            "circuit/evidence/ablations.csv",
            "circuit",
            "Labels that flip when a part is replaced (sampled).",
            {
                "description": "what is changed",
                "n": "N",
                "flips": "flips",
                "rate": "rate",
                "lower": "at least",
                "upper": "at most",
            },
        ),
    ),
)
