"""Sections of the report on the paper's numbers, the variants and the better interpretation."""

from collections import Counter
from collections.abc import Iterable

from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.tables import Row
from mechval.two_sat.interpretation import OUTPUT, PARSE
from mechval.two_sat.paper_table import render_comparison
from mechval.two_sat.report_certify import render_certify
from mechval.two_sat.report_claims import FRONT_EPSILON, Claims
from mechval.two_sat.report_evidence_sections import (
    render_evidence,
    render_nulls,
    render_progress,
    render_prose_axioms,
)
from mechval.two_sat.report_sections import figure, source
from mechval.two_sat.variants.rows import VariantRow


def render_claims(claims: Claims, figure_names: Iterable[str]) -> str:
    """The ledger, paper versus measured, variants, evidence, axioms 5 and 6, nulls, progress.

    Args:
        figure_names: of the figures that were drawn; links are relative to the report's directory.
    """
    sections = [
        render_certify(claims),
        _paper(claims),
        _variants(claims),
        _better(claims),
        render_evidence(claims, list(figure_names)),
        render_prose_axioms(claims),
        render_nulls(claims),
        render_progress(claims),
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
    if claims.unmeasured:
        guide += " **Not measured in this run:** " + ", ".join(claims.unmeasured) + "."
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
            str(row["program"]),
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
