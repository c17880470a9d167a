"""Sections of the report on the axioms: targets, all cells, readings and controls, the paper."""

from collections.abc import Sequence

from mechval.modular_addition.claim.validation import ALL, HELD_OUT, UNSEEN
from mechval.modular_addition.interpretation import EMBED
from mechval.modular_addition.report.published_values import PAPER_PROBLEM, compare_with_paper
from mechval.modular_addition.report.report_tables import CellRow, ReportTables
from mechval.reporting.markdown import markdown_table, significant
from mechval.reporting.paper import Measured


def main_interpretation(tables: ReportTables) -> str:
    """The first interpretation of the run: the first reading and equivalence of its config."""
    return tables.cells[0].interpretation


def cells_of(tables: ReportTables, interpretation: str, inputs: str) -> list[CellRow]:
    """The cells of one interpretation on one set of inputs, in table order."""
    return [
        row for row in tables.cells if row.interpretation == interpretation and row.inputs == inputs
    ]


def render_targets(tables: ReportTables) -> str:
    """What was asked of a network trained here beside what this run has; empty for another's."""
    if tables.model == "published":
        return ""
    cells = cells_of(tables, main_interpretation(tables), ALL)
    rows = [["accuracy on all inputs: wrong", f"{tables.answers.wrong_count:,}", "0"]]
    for cell in cells:
        is_equivalence = cell.axiom_name.endswith("equivalence")
        if not cell.is_distinct or (is_equivalence and cell.component == EMBED):
            continue
        rows.append(
            [f"{cell.component}, {cell.axiom_name}: disagreements", f"{cell.disagreements:,}", "0"]
        )
    judged = [[*row[:2], row[2], "met" if row[1] == row[2] else "MISSED"] for row in rows]
    return (
        f"## Targets (`{main_interpretation(tables)}`, exact, all {tables.problem.n_pairs:,} "
        "inputs)\n\n" + markdown_table(["what", "measured:", "target:", ""], judged)
    )


def render_axioms(tables: ReportTables) -> str:
    """The main interpretation in full, every interpretation in short."""
    main = main_interpretation(tables)
    return "\n\n".join(
        [
            "## Axioms",
            "*Exact*: all inputs are enumerated, ε is the rate of disagreement. *Sampled*: ε is "
            "the one-sided Clopper–Pearson upper bound from the held-out inputs, as in the paper. "
            "An interpretation is named by α_1, by the precision at cut 1, and by when sums count "
            "as the same at cut 2.",
            f"### `{main}`",
            f"α_1: {cells_of(tables, main, ALL)[0].alpha_1}.",
            _in_full(tables, main),
            "![ε of every cell](figures/axioms.svg)",
            "### All interpretations: exact ε of the distinct cells",
            _in_short(tables),
            "Source: [`axioms/axioms.csv`](../axioms/axioms.csv).",
        ]
    )


def _in_full(tables: ReportTables, interpretation: str) -> str:
    everywhere = cells_of(tables, interpretation, ALL)
    held_out = cells_of(tables, interpretation, HELD_OUT)
    header = ["axiom", "component", "equivalence", "N:", "disagreements:", "exact ε:"]
    header += ["parts that differ:"]
    header += ["held out N:", "disagreements:", "sampled ε:", "verdict"]
    rows = [
        [
            exact.axiom_name,
            exact.component,
            exact.equivalence,
            f"{exact.n:,}",
            f"{exact.disagreements:,}",
            significant(exact.epsilon),
            "" if exact.mean_part_error is None else f"{exact.mean_part_error:.2%}",
            f"{sampled.n:,}",
            f"{sampled.disagreements:,}",
            significant(sampled.epsilon),
            f"= {exact.repeats}" if exact.repeats else exact.verdict or "",
        ]
        for exact, sampled in zip(everywhere, held_out, strict=True)
    ]
    return markdown_table(header, rows)


def _in_short(tables: ReportTables) -> str:
    exact = [row for row in tables.cells if row.inputs in (ALL, UNSEEN) and row.is_distinct]
    columns = list(dict.fromkeys((row.axiom_name, row.component) for row in exact))
    by_key = {(row.interpretation, row.axiom_name, row.component): row for row in exact}
    header = ["interpretation", "α_1", "inputs", "N:"]
    header += [f"{component}: {axiom}:" for axiom, component in columns]
    rows = []
    for name in dict.fromkeys(row.interpretation for row in exact):
        cells = [by_key[name, axiom, component] for axiom, component in columns]
        first = cells[0]
        epsilons = [significant(cell.epsilon) for cell in cells]
        rows.append([f"`{name}`", _marked(first.alpha_1), first.inputs, f"{first.n:,}", *epsilons])
    return markdown_table(header, rows)


def _marked(alpha: str) -> str:
    return f"*{alpha}*" if alpha.startswith("vacuous") else alpha


def render_translations(tables: ReportTables) -> str:
    """Can each reading fail? The network beside the controls."""
    header = ["map", "fitted to", "judged on", "points:", "features:", "can it fail?"]
    header += ["N:", "RMS error:", "largest error:", "R²:"]
    rows = [
        [
            row.map,
            row.subject,
            row.judged_on,
            f"{row.points:,}",
            f"{row.features:,}",
            f"*vacuous ({row.points:,} points, {row.features:,} features)*"
            if row.vacuous
            else "yes",
            f"{row.n:,}",
            significant(row.root_mean_square_error),
            significant(row.largest_error),
            f"{row.r_squared:.4f}",
        ]
        for row in tables.translations
    ]
    return "\n\n".join(
        [
            "## Can the readings fail? (D4)",
            "Each α is fitted to the network and to two controls without meaning: an embedding "
            "drawn at random, and shuffled numbers as targets. Where it reproduces the controls "
            "as well, agreement says nothing.",
            markdown_table(header, rows),
            "![disagreement over decimals](figures/decimals.svg)",
            "Sources: [`axioms/translations.csv`](../axioms/translations.csv), "
            "[`axioms/decimals.csv`](../axioms/decimals.csv).",
        ]
    )


def render_paper(tables: ReportTables) -> str:
    """The printed ε beside those measured on the held-out inputs."""
    if tables.problem != PAPER_PROBLEM:
        return (
            "## Beside the paper\n\nLeft out: the paper reports p = "
            f"{PAPER_PROBLEM.p}, this run has p = {tables.problem.p}."
        )
    comparisons = compare_with_paper(tables.problem, measured_values(tables.cells))
    if not comparisons:
        return (
            "## Beside the paper\n\nLeft out: this run has none of the interpretations that the "
            "paper reports."
        )
    rows = [
        [
            item.published.quantity,
            str(item.published.printed),
            significant(item.measured.value or 0),
            f"{item.measured.count:,} of {item.measured.n:,}",
            item.verdict.value,
            item.published.deviation or "",
        ]
        for item in comparisons
    ]
    header = ["quantity", "paper:", "this run:", "disagreements:", "verdict", "deviation"]
    return "\n\n".join(
        [
            "## Beside the paper",
            f"The paper's mainline network is not available; this is the {tables.model} model, so "
            "these rows compare two networks and reproduce none. Sampled ε, held-out inputs, the "
            "paper's α_1 (vacuous: D4). The paper's 1.0 for sums rounded to one decimal is no "
            "measurement (D5), so it is not compared.",
            markdown_table(header, rows),
        ]
    )


def measured_values(cells: Sequence[CellRow]) -> dict[str, Measured]:
    """Sampled ε by the keys of the printed values."""
    return {
        f"{row.interpretation}|{row.axiom_name}|{row.component}": Measured(
            row.epsilon, row.disagreements, row.n
        )
        for row in cells
        if row.inputs == HELD_OUT
    }
