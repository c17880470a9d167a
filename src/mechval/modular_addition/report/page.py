"""What the modular-addition study says on its pages."""

from pathlib import Path

from mechval.reporting.page import (
    Answer,
    Component,
    PageContent,
    RunFolder,
    TableNote,
    load_figure_notes,
)

FIGURES = Path(__file__).with_name("page_figures.csv")
EXPLAINED = 0.85
"""Share of a neuron's variance from which on it counts as explained by its frequency."""


def _modulus(folder: RunFolder) -> int:
    return int(folder.manifest("data").config["problem"]["p"])


def _claim(folder: RunFolder) -> tuple[str, str, str]:
    modulus = _modulus(folder)
    return (
        f"A one-block transformer reads two numbers below {modulus} and answers their sum modulo "
        f"{modulus}.",
        "The claim: its embedding holds each number as a few waves, cosines and sines at key "
        "frequencies; its neurons turn them into the waves of the sum by the angle-sum "
        "identities; and the answer is the number whose waves fit best.",
        f"Four axioms, at each of the three steps, are counted on all {modulus**2:,} inputs.",
    )


def _neurons(folder: RunFolder) -> Answer:
    """How many neurons work at each key frequency, from the circuit's tables."""
    keys = [row for row in folder.table("circuit/frequencies.csv") if row["is_key"] == "True"]
    neurons = folder.table("circuit/neurons.csv")
    names = [row["frequency"] for row in keys]
    of_keys = [row for row in neurons if row["frequency"] in names]
    explained = [row for row in of_keys if float(row["variance_explained"]) >= EXPLAINED]
    verdict = (
        f"{len(explained)} of {len(neurons)} neurons compute waves of the key frequencies "
        f"{', '.join(names)}"
    )
    sentence = (
        f"Exact, N = {_modulus(folder) ** 2:,} inputs: a neuron belongs to the frequency that "
        f"explains most of its variance, and counts if that is at least {EXPLAINED:.0%}."
    )
    header = ("key frequency", "neurons", "counted", "share of the embedding's power")
    rows = tuple(
        (
            row["frequency"],
            row["neurons"],
            row["neurons_explained"],
            f"{float(row['embedding_power_share']):.1%}",
        )
        for row in keys
    )
    return Answer(verdict, (sentence,), header, rows, "good" if explained else "bad")


PAGE = PageContent(
    study="modular_addition",
    title="How a transformer adds modulo a prime",
    claim=_claim,
    components=(
        Component(
            "embed",
            "token embedding",
            "cosine and sine of both numbers at the key frequencies",
            "embeddings",
            "waves of a and b",
        ),
        Component(
            "add",
            "positions, attention, MLP's hidden layer at “=”",
            "waves of a + b, by the angle-sum identities",
            "neurons at “=”",
            "waves of a + b",
        ),
        Component(
            "answer",
            "MLP output, unembedding, largest logit",
            "the number c whose waves fit best",
            "c",
            "c",
        ),
    ),
    input_state="a, b and “=”",
    neurons_question="Which neurons compute which frequencies?",
    neurons=_neurons,
    names=(
        "Interpretations are named α₁/precision/equivalence: α₁ is the pseudo-inverse of γ₁, or "
        "fitted on all numbers (vacuous, see D4 below) or on half of them; waves are compared "
        "unrounded or rounded to three decimals; sums count as the same if the rest of network "
        "and program answers the same (downstream), if their nearest angle is the same, rounded "
        "to one decimal, or exactly."
    ),
    figures=load_figure_notes(FIGURES),
    tables=(
        TableNote(
            "axioms/translations.csv",
            "nulls",
            "Each α fitted to the network and to controls without meaning, a random embedding "
            "and shuffled targets: one that fits those as well is vacuous (exact on its N points).",
            {
                "map": "map",
                "subject": "fitted to",
                "judged_on": "judged on",
                "points": "points",
                "features": "features",
                "vacuous": "cannot fail",
                "n": "N",
                "root_mean_square_error": "RMS error",
                "r_squared": "R²",
            },
        ),
    ),
)
