"""All figures of the report, by file name; each is drawn from the tables alone."""

from matplotlib.figure import Figure

from mechval.two_sat.report.figures.axioms import draw_axiom_table
from mechval.two_sat.report.figures.circuit import (
    draw_assignments,
    draw_effects,
    draw_own_clause_attention,
)
from mechval.two_sat.report.figures.training import draw_learning_curve, draw_sparsity
from mechval.two_sat.report.report_tables import ReportTables
from mechval.two_sat.report.report_variants import interpretations_of, main_variant


def draw_figures(tables: ReportTables) -> dict[str, Figure]:
    """Draw every figure that the run has tables for; inside ``figure_style``."""
    variant = main_variant(tables)
    with_published = tables.run.has_published_values
    figures = {
        "axioms": draw_axiom_table(interpretations_of(tables, variant), variant, with_published),
        "assignments": draw_assignments(tables.means, tables.neurons, variant.reading),
        "neuron-effects": draw_effects(tables.neurons, tables.circuit),
        "own-clause-attention": draw_own_clause_attention(tables.attention),
    }
    if tables.curve:
        phases = dict.fromkeys(point.phase for point in tables.curve)
        n_formulas = {phase: tables.curve_formulas(phase) for phase in phases}
        figures["learning-curve"] = draw_learning_curve(tables.curve, n_formulas, with_published)
        figures["sparsity"] = draw_sparsity(tables.snapshots, with_published)
    return figures
