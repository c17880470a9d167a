"""All figures of the report, by file name; each is drawn from the tables alone."""

from matplotlib.figure import Figure

from mechval.modular_addition.claim.validation import ALL, HELD_OUT
from mechval.modular_addition.report.figures.axioms import (
    draw_axiom_table,
    draw_decimals,
    draw_learning_curve,
)
from mechval.modular_addition.report.figures.circuit import (
    draw_embedding,
    draw_logits,
    draw_losses,
    draw_neurons,
)
from mechval.modular_addition.report.report_axioms import cells_of, main_interpretation
from mechval.modular_addition.report.report_tables import ReportTables


def draw_figures(tables: ReportTables) -> dict[str, Figure]:
    """Draw every figure that the run has tables for; inside ``figure_style``."""
    main = main_interpretation(tables)
    cells = [*cells_of(tables, main, ALL), *cells_of(tables, main, HELD_OUT)]
    figures = {
        "embedding": draw_embedding(tables.frequencies),
        "neurons": draw_neurons(tables.neurons, tables.frequencies),
        "logits": draw_logits(tables.frequencies),
        "losses": draw_losses(tables.losses),
        "axioms": draw_axiom_table(cells, f"ε of {main}"),
        "decimals": draw_decimals(tables.decimals),
    }
    if tables.curve:
        sizes = (tables.answers.train.n, tables.answers.test.n)
        figures["learning-curve"] = draw_learning_curve(tables.curve, sizes)
    return figures
