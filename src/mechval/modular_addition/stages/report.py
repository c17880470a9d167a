"""Stage ``report``: a page and figures for reading, from the tracked tables alone."""

from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.report.figures.draw import draw_figures
from mechval.modular_addition.report.published_values import compare_with_paper
from mechval.modular_addition.report.report import render_report
from mechval.modular_addition.report.report_axioms import measured_values
from mechval.modular_addition.report.report_tables import load_tables
from mechval.pipeline.stage import StageContext
from mechval.progress import track
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.paper import COMPARISONS
from mechval.reporting.tables import write_json


def run(context: StageContext[ModularAdditionSettings]) -> None:
    """Write the page, the figures, the rows beside the paper and the headline numbers."""
    settings = context.settings
    directories = {name: artifacts.directory for name, artifacts in context.upstream.items()}
    tables = load_tables(settings.problem, settings.model.kind, context.seed, directories)
    (context.directory / "README.md").write_text(render_report(tables), encoding="utf-8")
    comparisons = compare_with_paper(settings.problem, measured_values(tables.cells))
    if comparisons:
        COMPARISONS.write(comparisons, context.directory)
    write_json(
        {
            "wrong_count": tables.answers.wrong_count,
            "key_frequencies": list(tables.circuit.key_frequencies),
            "verdicts": {item.published.key: item.verdict.value for item in comparisons},
        },
        context.directory / "metrics.json",
    )
    figures = context.directory / "figures"
    figures.mkdir()
    with figure_style():
        for name, figure in track(draw_figures(tables).items(), "figures"):
            save_figure(figure, figures, name)
