"""Section of the report on the axioms: each interpretation's cells beside the published ones."""

from mechval.axioms import EvidenceKind
from mechval.reporting.markdown import markdown_table, significant
from mechval.two_sat.interpretation import EVALUATE
from mechval.two_sat.report import published_values
from mechval.two_sat.report.report_records import CellRow
from mechval.two_sat.report.report_sections import figure, source
from mechval.two_sat.report.report_tables import ReportTables
from mechval.two_sat.report.report_variants import (
    COMPARABLE,
    Validated,
    Variant,
    interpretations_of,
    main_variant,
    validated,
)

LABELS = ("UNSAT", "SAT")
_VERSION_TITLES = {"trees": "decision trees", "disjunction": "disjunction only"}


def render_axioms(tables: ReportTables) -> str:
    """Every interpretation of the run: two in full, all of them in short."""
    main = main_variant(tables)
    parts = ["## Axioms", _reading_guide(tables), _about_the_network(tables)]
    parts += [f"### Main interpretation: {main}", *_tables_in_full(tables, main)]
    parts += [figure("axioms", "ε of every cell"), source("axioms/axioms.csv")]
    if main != COMPARABLE:
        parts += [f"### As in the paper: {COMPARABLE}", *_comparable(tables)]
    parts += ["### All interpretations: ε of the distinct cells", _in_short(tables)]
    return "\n\n".join([*parts, source("axioms/axioms.csv", "axioms/interpretations.csv")])


def _reading_guide(tables: ReportTables) -> str:
    confidence = tables.interpretations[0].confidence
    guide = (
        f"ε is the one-sided {confidence:.0%} Clopper–Pearson upper bound of the probability of "
        "a disagreement, from the analysis corpus's test split; *simultaneous* ε holds for all "
        "distinct cells of an interpretation at once (Bonferroni). *Balanced* weighs the classes "
        "equally, *natural* as independent draws do "
        f"({tables.data.natural_satisfiable_share:.2%} satisfiable, "
        "[`data/metrics.json`](../data/metrics.json)). A cell that measures the same as an "
        "earlier one says which. Verdicts compare ε with the lower bound of the constant "
        "program, and exist only where labels are compared."
    )
    if tables.run.has_published_values:
        return (
            f"{guide} Published values: N = {published_values.TEST_FORMULAS:,}, the same bound; "
            "their disagreements are the counts that give the printed ε."
        )
    problem = tables.run.problem
    return (
        f"{guide}\n\nThe published column is left out: the paper reports formulas with 5 "
        f"variables and 10 clauses, this run has {problem.n_variables} and {problem.n_clauses}."
    )


def _about_the_network(tables: ReportTables) -> str:
    """What all interpretations are read against: they share the network ``t``."""
    row = tables.interpretations[0]
    constant = row.constant
    text = (
        f"The labels of the network t have an entropy of {row.label_entropy_bits:.4f} bits "
        f"(N = {row.n:,}). The constant program that always answers {LABELS[constant.label]} "
        f"disagrees with t on {constant.disagreements:,} of {row.n:,} formulas "
        f"(bounds {significant(constant.lower)} and {significant(constant.upper)}). "
        "Source: [`axioms/interpretations.csv`](../axioms/interpretations.csv)."
    )
    if row.n_labels == 1:
        text += (
            "\n\n**t is constant on these formulas, so no verdict is given:** any program whose "
            "output is replaced passes replaceability trivially."
        )
    return text


def _tables_in_full(tables: ReportTables, variant: Variant) -> list[str]:
    return [_in_full(tables, found) for found in interpretations_of(tables, variant)]


def _comparable(tables: ReportTables) -> list[str]:
    blocks = _tables_in_full(tables, COMPARABLE)
    return blocks or [f"This run has no interpretation with {COMPARABLE}."]


def _in_full(tables: ReportTables, found: Validated) -> str:
    with_published = tables.run.has_published_values
    header = ["axiom", "component", "evidence", "N:", "disagreements:", "ε:", "simultaneous ε:"]
    header += ["published ε (disagreements):"] if with_published else []
    header += ["SAT ε:", "UNSAT ε:", "balanced ε:", "natural ε:", "verdict"]
    rows = [_cells_in_full(found.version, cell, with_published) for cell in found.cells]
    rows.append(_constant_cells(found, with_published))
    title = _VERSION_TITLES.get(found.version, found.version)
    return "\n\n".join(
        [
            f"**Evaluate by {title}** (`{found.row.interpretation}`)",
            markdown_table(header, rows),
            _class_sizes(found),
            _beside_evaluate(found),
            _inclusion(found),
        ]
    )


def _cells_in_full(version: str, cell: CellRow, with_published: bool) -> list[str]:
    published = [_published(version, cell)] if with_published else []
    return [
        cell.axiom_name,
        cell.component,
        cell.kind.value,
        f"{cell.n:,}",
        f"{cell.disagreements:,}",
        significant(cell.epsilon),
        significant(cell.epsilon_simultaneous),
        *published,
        *(_class_epsilon(cell, name) for name in ("SAT", "UNSAT")),
        significant(cell.mixture.balanced.epsilon),
        significant(cell.mixture.natural.epsilon),
        f"= {cell.repeats}" if cell.repeats else cell.verdict or "",
    ]


def _published(version: str, cell: CellRow) -> str:
    key = (version, cell.axiom_name, cell.component)
    published = published_values.AXIOM_TABLE.get(key)
    if published is None:
        return ""
    return f"{significant(published.epsilon)} ({published.disagreements:,})"


def _class_epsilon(cell: CellRow, name: str) -> str:
    stratum = cell.stratum.SAT if name == "SAT" else cell.stratum.UNSAT
    return f"{significant(stratum.epsilon)} ({stratum.disagreements:,})"


def _constant_cells(found: Validated, with_published: bool) -> list[str]:
    constant = found.row.constant
    blanks = [""] * (1 + with_published)
    return [
        "*constant program*",
        f"always {LABELS[constant.label]}",
        EvidenceKind.SAMPLED.value,
        f"{found.row.n:,}",
        f"{constant.disagreements:,}",
        significant(constant.upper),
        *blanks,
        *[""] * 4,
        f"lower bound {significant(constant.lower)}",
    ]


def _class_sizes(found: Validated) -> str:
    strata = found.cells[0].stratum
    return (
        "Behind a class's ε, in brackets, its disagreements, "
        f"of {strata.SAT.n:,} SAT and {strata.UNSAT.n:,} UNSAT formulas."
    )


def _beside_evaluate(found: Validated) -> str:
    parts = [
        f"{cell.axiom_name}: {significant(cell.mean_distance)} bits wrong per formula, mean error "
        f"per neuron {significant(cell.mean_part_error)}"
        for cell in found.cells
        if cell.component == EVALUATE and "equivalence" in cell.axiom_name
    ]
    return f"Evaluate, {'; '.join(parts)} (N = {found.row.n:,})."


def _inclusion(found: Validated) -> str:
    counts = ", ".join(
        f"{component} {'not defined (tolerant)' if count is None else f'{count:,}'}"
        for component, count in found.row.inclusion_violations.items()
    )
    return (
        "Formulas on which component equivalence holds up to a component and prefix equivalence "
        f"does not (inclusion violations, of {found.row.n:,}): {counts}."
    )


def _in_short(tables: ReportTables) -> str:
    everything = [validated(tables, row) for row in tables.interpretations]
    distinct = [cell for cell in everything[0].cells if cell.is_distinct]
    header = ["interpretation", *(f"{cell.component}: {cell.axiom_name}:" for cell in distinct)]
    rows = [
        [
            f"`{found.row.interpretation}`",
            *(
                significant(found.cell(cell.axiom_name, cell.component).epsilon)
                for cell in distinct
            ),
        ]
        for found in everything
    ]
    sizes = " or ".join(f"{n:,}" for n in sorted({found.row.n for found in everything}))
    return f"N = {sizes} everywhere.\n\n{markdown_table(header, rows)}"
