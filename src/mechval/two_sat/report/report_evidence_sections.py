"""Sections of the report on the circuit evidence, axioms 5 and 6, null networks and progress."""

from collections.abc import Mapping

from mechval.reporting.markdown import markdown_table, significant
from mechval.two_sat.report.report_claims import Claims
from mechval.two_sat.report.report_sections import figure, source

_CAPTIONS = {
    "formula-attention": "Attention of every head on one test formula",
    "mean-attention": "Mean attention by source position",
    "block0-expected-attention": "Attention of block 0 expected from mean scores",
    "block0-worst-case": "Least attention to the own clause, over all formulas",
    "answer-attention-extremes": "Extreme attention weights of ':' in block 0",
    "block1-clause-scores": "Attention score of each literal pair, by head of block 1",
    "ablations": "Labels flipped by replacing block 1's MLP or the skip around it",
    "coefficients": "Output coefficient of every neuron",
    "assignment-effects": "Effect of the neurons per assignment",
    "neuron-programs": "F1 of each program against the neuron's effect, and coverage",
    "clause-contributions": "What each clause adds to a neuron's attention",
    "preactivation-parts": "A neuron's pre-activation, taken apart",
}
_SHOWN_FOR_NULLS = ("trees/calibrated/resid_mid", "disjunction/calibrated/resid_mid")


def render_evidence(claims: Claims, figure_names: list[str]) -> str:
    """Every fact and figure of the circuit evidence; ``figure_names`` are those drawn."""
    rows = [
        [
            f"`{name}`",
            significant(fact.value),
            "" if fact.count is None else f"{fact.count:,}",
            "" if fact.n is None else f"{fact.n:,}",
        ]
        for name, fact in claims.facts.items()
    ]
    scores = {
        name: f"Score tables of block 0, {name.removeprefix('block0-scores-').replace('-', ' ')}"
        for name in figure_names
        if "scores-head" in name
    }
    captions = {
        name: text for name, text in {**_CAPTIONS, **scores}.items() if name in figure_names
    }
    return "\n\n".join(
        [
            "## Circuit evidence",
            markdown_table(["fact", "value:", "count:", "N:"], rows),
            *(figure(name, caption) for name, caption in captions.items() if name in figure_names),
            source("circuit/metrics.json", *(table.file for table in claims.evidence)),
        ]
    )


def render_prose_axioms(claims: Claims) -> str:
    """Derivability and size: the two axioms that the paper argues in prose, as numbers."""
    outside = [
        [
            row["component"],
            row["replaced"],
            row["reading"],
            f"{int(row['disagreements']):,} of {int(row['n']):,}",
            significant(float(row["epsilon"])),
        ]
        for row in claims.derivability
    ]
    sizes = [
        [row["what"], row["reading"], _whole(row, "neurons"), _whole(row, "bits")]
        for row in claims.sizes
    ]
    return "\n\n".join(
        [
            "## Derivability and size",
            _parts(claims),
            figure("derivability", "Which component each weight reaches, and what lies outside"),
            "Labels changed when everything outside the named parts is replaced by its mean over "
            "the fitting split; in a control it is the named parts that are replaced:",
            markdown_table(
                ["component", "replaced by its mean", "reading", "labels changed:", "ε:"], outside
            ),
            "Length of each program in the prefix code of `mechval.two_sat.programs.lengths`, "
            "beside the weights:",
            markdown_table(["program", "reading", "neurons:", "bits:"], sizes),
            figure("sizes", "Bits of each kind of program beside the bits of the weights"),
            source(
                *(
                    f"axioms/{name}.csv"
                    for name in ("derivability", "parts", "composition", "sizes")
                )
            ),
        ]
    )


def _parts(claims: Claims) -> str:
    """What the measurement says of the declared parts, in two sentences."""
    n_agreeing = sum(row["agrees"] == "True" for row in claims.parts)
    whole = claims.composition
    n, n_wrong = int(whole["n"]), int(whole["disagreements"])
    return (
        f"Of the {len(claims.parts)} weight tensors, {n_agreeing} reach the output of the "
        "component that they are declared in and of no other while its input is held. The "
        f"components composed give the network's label on {n - n_wrong:,} of {n:,} formulas, with "
        f"logits off by at most {significant(float(whole['max_logit_difference']))} (largest logit "
        f"{significant(float(whole['max_logit']))})."
    )


def _whole(row: Mapping[str, str], name: str) -> str:
    return f"{int(float(row[name])):,}" if row[name] else ""


def render_nulls(claims: Claims) -> str:
    """The axiom table of networks about which every claim is false."""
    rows = [
        [
            row["network"],
            f"`{row['interpretation']}`",
            f"{row['axiom_name']}, {row['component']}" if row["component"] else "none",
            f"{int(row['disagreements']):,} of {int(row['n']):,}" if row["n"] else "",
            significant(float(row["epsilon"])) if row["epsilon"] else "",
            row["verdict"] or row["reason"],
        ]
        for row in claims.nulls
        if row["interpretation"]
        in ("trees/calibrated/resid_mid", "disjunction/calibrated/resid_mid")
        and row["is_distinct"] != "False"
    ]
    header = ["network", "interpretation", "cell", "disagreements:", "ε:", "verdict"]
    return "\n\n".join(
        [
            "## Null networks",
            "What the same table looks like where the claim is false: an untrained network, and "
            "one trained to memorise shuffled labels.",
            markdown_table(header, rows),
            source("nulls/nulls.csv", "nulls/metrics.json"),
        ]
    )


def render_progress(claims: Claims) -> str:
    """The axioms over training; empty for a run without snapshots."""
    if not claims.progress_figures:
        return ""
    pictures = [
        f"![ε over training](../progress/figures/{name}.svg)" for name in claims.progress_figures
    ]
    return "\n\n".join(
        [
            "## When the interpretation becomes true",
            "The axioms on the training snapshots, everything refitted on each by the same rules.",
            *pictures,
            source("progress/progress.csv"),
        ]
    )
