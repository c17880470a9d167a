"""Sections of the report beyond the main axiom table, as Markdown."""

from collections import Counter
from collections.abc import Iterable, Mapping

from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.tables import Row
from mechval.two_sat.interpretation import OUTPUT, PARSE
from mechval.two_sat.paper_table import render_comparison
from mechval.two_sat.report_claims import FRONT_EPSILON, Claims
from mechval.two_sat.report_sections import figure, source
from mechval.two_sat.variants.rows import VariantRow

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
_SHOWN_FOR_NULLS = ("trees/calibrated/corrected", "disjunction/calibrated/corrected")


def render_claims(claims: Claims, figure_names: Iterable[str]) -> str:
    """Paper versus measured, variants, evidence, axioms 5 and 6, null networks, progress.

    Args:
        figure_names: of the figures that were drawn; links are relative to the report's directory.
    """
    sections = [
        _paper(claims),
        _variants(claims),
        _better(claims),
        _evidence(claims, list(figure_names)),
        _prose_axioms(claims),
        _nulls(claims),
        _progress(claims),
    ]
    return "\n\n".join(section for section in sections if section)


def _paper(claims: Claims) -> str:
    if not claims.comparisons:
        return ""
    counts = Counter(item.verdict.value for item in claims.comparisons)
    tally = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    guide = (
        f"{len(claims.comparisons)} printed numbers measured here: {tally}. Rates: "
        "Fisher's exact test of the two counts, Holm-corrected over the rates; *agrees* if "
        "p > 0.01, else *close* within 10 %, else *differs*. Other numbers agree at "
        "the printed digits. The last column points into the "
        "[deviations list](../../../../docs/DEVIATIONS.md)."
    )
    table = render_comparison(claims.comparisons)
    return "\n\n".join(["## Paper versus measured", guide, table, source("report/paper.csv")])


def _variants(claims: Claims) -> str:
    shown = [row for row in claims.variants if row.family not in ("main", "improved")]
    rows = [
        [
            row.family,
            row.setting or "",
            row.version,
            f"{row.reading}/{row.residual}",
            f"{row.axiom}, {row.component}",
            f"{row.disagreements:,}",
            significant(row.epsilon),
        ]
        for row in shown
        if _is_shown(row)
    ]
    header = ["variant", "setting", "version", "reading", "cell", "disagreements:", "ε:"]
    pictures = [figure("tolerance", "ε of evaluate equivalence by tolerated wrong neurons")]
    for reading in claims.rival_bases:
        pictures += [
            figure(f"leaves-{reading}", f"ε by leaves per tree, reading {reading}"),
            figure(f"rivals-{reading}", f"Rival programs, reading {reading}"),
            figure(f"surface-{reading}", f"ε over cut and high value, reading {reading}"),
        ]
    n = claims.variants[0].n
    return "\n\n".join(
        [
            "## Variants and rival programs",
            f"Each variant changes one thing of a main interpretation (N = {n:,}); prefix cells "
            "of the components that it bears on. All cells, classes and simultaneous bounds are in "
            "the table behind it; `paired.csv` compares programs on the same formulas (McNemar).",
            markdown_table(header, rows),
            *pictures,
            source(*(f"axioms/{name}.csv" for name in ("variants", "tolerance", "paired"))),
        ]
    )


def _better(claims: Claims) -> str:
    rows = [
        [
            f"`{row.variant}`",
            f"{row.axiom}, {row.component}",
            f"{row.disagreements:,}",
            significant(row.epsilon),
        ]
        for row in claims.variants
        if row.family == "improved" and row.axiom.startswith("prefix")
    ]
    front = [
        [
            str(row["kind"]),
            str(row["setting"] or ""),
            "" if row["bits"] is None else f"{row['bits']:,}",
            f"{row['disagreements']:,}",
            significant(float(str(row["epsilon"]))),
            _aim(row, claims.most_bits),
        ]
        for row in claims.front
    ]
    return "\n\n".join(
        [
            "## A better interpretation",
            "`counting`: γ_1 also writes, at `:`, a linear function of the formula's literal "
            "counts. *Voting*: each head averages clause features and each neuron thresholds a "
            "vote, all in small integers. Both are fitted on the fitting split by a rule that does "
            "not see ε.",
            markdown_table(["interpretation", "cell", "disagreements:", "ε:"], rows),
            f"Length against ε of evaluate equivalence (aim: ε ≤ {FRONT_EPSILON} in at most "
            f"{claims.most_bits:,} bits, ten times the 4-leaf trees):",
            markdown_table(["program", "setting", "bits:", "disagreements:", "ε:", "aim"], front),
            figure("front", "Length of every evaluate program against its ε"),
            source("axioms/front.csv", "axioms/voting.json", "axioms/variants.csv"),
        ]
    )


def _aim(row: Row, most_bits: int) -> str:
    bits, epsilon = row["bits"], row["epsilon"]
    is_met = isinstance(bits, int) and bits <= most_bits and float(str(epsilon)) <= FRONT_EPSILON
    return "met" if is_met else "MISSED"


def _is_shown(row: VariantRow) -> bool:
    """Leave out what repeats another row: of these families, parse is that of the main table."""
    is_repeated = row.component == OUTPUT and "replaceability" in row.axiom
    parses_alike = row.component == PARSE and row.family in ("leaves", "rival")
    is_prefix = row.axiom.startswith("prefix")
    return is_prefix and row.reading == "published" and not (is_repeated or parses_alike)


def _evidence(claims: Claims, figure_names: list[str]) -> str:
    rows = [
        [
            f"`{name}`",
            significant(fact.value),
            "" if fact.count is None else f"{fact.count:,}",
            "" if fact.n is None else f"{fact.n:,}",
        ]
        for name, fact in claims.evidence.facts.items()
    ]
    scores = {
        name: f"Score tables of block 0, {name}" for name in figure_names if "scores-head" in name
    }
    captions = {
        name: text for name, text in {**_CAPTIONS, **scores}.items() if name in figure_names
    }
    return "\n\n".join(
        [
            "## Circuit evidence",
            markdown_table(["fact", "value:", "count:", "N:"], rows),
            *(figure(name, caption) for name, caption in captions.items() if name in figure_names),
            source("circuit/evidence/facts.json"),
        ]
    )


def _prose_axioms(claims: Claims) -> str:
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
            "Every weight belongs to one component (`parts.csv`), and the components composed are "
            "the network (`composition.csv`). Labels changed when everything outside the named "
            "parts is replaced by its mean over the fitting split:",
            markdown_table(
                ["component", "replaced by its mean", "reading", "labels changed:", "ε:"], outside
            ),
            "Length of each program in the prefix code of `mechval.two_sat.sizes`, beside the "
            "weights:",
            markdown_table(["program", "reading", "neurons:", "bits:"], sizes),
            source("axioms/derivability.csv", "axioms/parts.csv", "axioms/sizes.csv"),
        ]
    )


def _whole(row: Mapping[str, str], name: str) -> str:
    return f"{int(float(row[name])):,}" if row[name] else ""


def _nulls(claims: Claims) -> str:
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
        in ("trees/calibrated/corrected", "disjunction/calibrated/corrected")
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


def _progress(claims: Claims) -> str:
    if not claims.progress_figures:
        return ""
    pictures = [
        f"![ε over training](../progress/figures/{name}.png)" for name in claims.progress_figures
    ]
    return "\n\n".join(
        [
            "## When the interpretation becomes true",
            "The axioms on the training snapshots, everything refitted on each by the same rules.",
            *pictures,
            source("progress/progress.csv"),
        ]
    )
