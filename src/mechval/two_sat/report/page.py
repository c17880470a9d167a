"""What the 2-SAT study says on its pages."""

from pathlib import Path

from mechval.reporting.page import (
    Answer,
    Component,
    PageContent,
    RunFolder,
    TableNote,
    load_figure_notes,
)
from mechval.two_sat.circuit.evidence.neuron_rows import NEURONS, NeuronReading, NeuronRow
from mechval.two_sat.formulas.card import DATA

FIGURES = Path(__file__).with_name("page_figures.csv")


def _claim(folder: RunFolder) -> tuple[str, str, str]:
    problem = folder.manifest("data").config["problem"]
    n_variables, n_clauses = problem["n_variables"], problem["n_clauses"]
    return (
        f"A two-block transformer reads a 2-SAT formula of {n_clauses} clauses over {n_variables} "
        "variables and answers whether it is satisfiable.",
        "The claim: its first block parses the clauses, single neurons of its second block each "
        f"fire when the formula is satisfied by certain of the {2**n_variables} assignments, and "
        "the answer is “satisfiable” as soon as one of them fires.",
        "Four axioms, at each of the three steps, measure how often network and program part ways.",
    )


def _neurons(folder: RunFolder) -> Answer:
    """Which evaluating neurons stand for which assignments, from the circuit's table."""
    reading = next(iter(folder.manifest("circuit").config["circuit"]["readings"]))
    n_formulas = _fitted_formulas(folder)
    n_assignments = 2 ** int(folder.manifest("data").config["problem"]["n_variables"])
    rows = NEURONS.read(folder.file(NEURONS.file).parent)
    evaluating = [row for row in rows if row.reading[reading].evaluates]
    if not evaluating:
        return Answer(
            "No neuron evaluates", (f"Sampled, N = {n_formulas:,} formulas.",), tone="bad"
        )
    named = [row.reading[reading].assignments for row in evaluating]
    covered = set().union(*named)
    single = sum(len(assignments) == 1 for assignments in named)
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
    cells = tuple(_neuron_cells(row, row.reading[reading]) for row in evaluating)
    tone = "good" if len(covered) == n_assignments else "mixed"
    return Answer(verdict, sentences, header, cells, tone)


def _fitted_formulas(folder: RunFolder) -> int:
    splits = DATA.read(folder.file(DATA.file).parent).splits
    return next(split.formulas for split in splits if split.name == "analysis.fit")


def _neuron_cells(row: NeuronRow, reading: NeuronReading) -> tuple[str, ...]:
    return (
        str(row.neuron),
        reading.disjunction,
        reading.tree or "",
        f"{row.effect_share:.2%}",
        f"{reading.on_rate:.2%} of formulas",
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
    names=(
        "Interpretations are named program/reading/residual: a neuron's program is a tree or a "
        "disjunction of assignments; calibrated cuts each neuron at a threshold of its own, "
        "paper at 0.5; γ₂ puts in the mean residual stream (resid_mid) or the mean "
        "attention output alone (attn_out, see D1 below)."
    ),
    nulls="nulls/nulls.csv",
    front="axioms/front.csv",
    figures=load_figure_notes(FIGURES),
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
