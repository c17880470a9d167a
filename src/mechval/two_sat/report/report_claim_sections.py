"""Sections of the report on the paper's numbers, the variants and the better interpretation."""

from collections import Counter
from collections.abc import Iterable

from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.tables import Row
from mechval.two_sat.claim.variants.variant import VariantRow
from mechval.two_sat.interpretation import EVALUATE, OUTPUT, PARSE
from mechval.two_sat.report.paper_table import render_comparison
from mechval.two_sat.report.report_certify import render_certify
from mechval.two_sat.report.report_claims import FRONT_EPSILON, Claims
from mechval.two_sat.report.report_evidence_sections import (
    render_evidence,
    render_nulls,
    render_progress,
    render_prose_axioms,
)
from mechval.two_sat.report.report_sections import figure, source


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
            f"`{row.setting}`",
            f"{row.axiom}, {row.component}",
            f"{row.disagreements:,}",
            significant(row.epsilon),
        ]
        for row in claims.variants
        if row.family == "improved" and _bears_on_its_part(row)
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
    base = next(row.variant for row in claims.variants if row.family == "improved")
    return "\n\n".join(
        [
            "## A better interpretation",
            _CANDIDATES,
            _choosing(claims),
            f"On the test split, in place of the parts of `{base.rpartition('/')[0]}`:",
            markdown_table(["interpretation", "cell", "disagreements:", "ε:"], rows),
            f"Length against ε of evaluate equivalence (aim: ε ≤ {FRONT_EPSILON} in at most "
            f"{claims.most_bits:,} bits, ten times the 4-leaf trees):",
            markdown_table(["program", "setting", "bits:", "disagreements:", "ε:", "aim"], front),
            _bound(claims),
            figure("front", "Length of every evaluate program against its ε"),
            source(
                *(f"axioms/{name}.csv" for name in ("front", "choices", "variants")),
                "improve/voting.json",
            ),
        ]
    )


_CANDIDATES = (
    "`counting`: γ_1 also writes, at `:`, a linear function of the formula's literal counts. "
    "`positions`: γ_1 writes a prototype of each clause position's own. *k of n*: a neuron is on "
    "where enough of its assignments satisfy. *Voting*: each head averages clause features and "
    "each neuron thresholds a vote, all in small integers. *Mirrored voting*: the same, but all "
    "heads are one head that sees some variables negated, and all neurons' votes are one linear "
    "function of the signs of their assignments, with sparse corrections. `regression`: γ_2 is "
    "the least-squares prediction of the state from the bits. All are fitted on the fitting split "
    "by rules that do not see ε."
)


def _choosing(claims: Claims) -> str:
    """Each candidate in a row: how many disagreements it saves, and where it makes any."""
    candidates: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in claims.choices:
        candidates.setdefault((row["part"], row["candidate"]), []).append(row)
    rows = []
    for (part, candidate), cells in candidates.items():
        before, after = (
            sum(int(cell[f"{when}_disagreements"]) for cell in cells)
            for when in ("before", "after")
        )
        worse = ", ".join(cell["cell"] for cell in cells if cell["is_worse"] == "True")
        taken = "taken" if cells[0]["is_taken"] == "True" else "" if worse else "counts"
        rows.append([part, f"`{candidate}`", f"{before:,}", f"{after:,}", worse, taken])
    n = int(claims.choices[0]["n"])
    header = ["part", "candidate", "before:", "after:", "cells that get worse", ""]
    return (
        f"Chosen on the last {n:,} formulas of the fitting split: a candidate counts only if no "
        "cell gets worse, and of those that count the one with the fewest disagreements over all "
        "distinct cells is taken, part after part.\n\n" + markdown_table(header, rows)
    )


def _bound(claims: Claims) -> str:
    """What is left to the aim, and what no program of the truth table can pass."""
    counts = {
        (row["program"], row["setting"]): int(str(row["disagreements"])) for row in claims.front
    }
    within = [
        row
        for row in claims.front
        if isinstance(row["bits"], int) and row["bits"] <= claims.most_bits
    ]
    best = min(within, key=lambda row: float(str(row["epsilon"])))
    return (
        f"The smallest ε in at most {claims.most_bits:,} bits is "
        f"{significant(float(str(best['epsilon'])))} ({best['program']}, {best['setting']}). "
        "The longest program of the truth table alone, a lookup table fitted to all of them, still "
        f"disagrees on {counts['lookup table', '']:,} test formulas. Programs "
        "that add up votes of attended clauses do not know the order of clauses, which the "
        "network's attention does see."
    )


def _bears_on_its_part(row: VariantRow) -> bool:
    """The cell that a candidate is for; all of the last one's, in which every part is in place."""
    if row.setting == "chosen":
        return row.axiom.startswith("prefix") or row.component != PARSE
    cell = {"regression": ("prefix replaceability", EVALUATE)}
    own = (
        ("prefix equivalence", EVALUATE)
        if "/" in str(row.setting)
        else (
            "prefix replaceability",
            PARSE,
        )
    )
    return (row.axiom, row.component) == cell.get(str(row.setting), own)


def _aim(row: Row, most_bits: int) -> str:
    bits, epsilon = row["bits"], row["epsilon"]
    is_met = isinstance(bits, int) and bits <= most_bits and float(str(epsilon)) <= FRONT_EPSILON
    return "met" if is_met else "MISSED"


def _is_shown(row: VariantRow) -> bool:
    """Leave out what repeats another row: of these families, parse is that of the main table."""
    is_repeated = row.component == OUTPUT and "replaceability" in row.axiom
    parses_alike = row.component == PARSE and row.family in ("leaves", "rival")
    is_prefix = row.axiom.startswith("prefix")
    # The order inside a clause has nothing to do with neurons, so it has one reading only.
    is_reading = row.reading == "paper" or row.family == "ordered clauses"
    return is_prefix and is_reading and not (is_repeated or parses_alike)
