"""Stage ``report``: a page and figures for reading, from the tracked tables alone."""

from mechval.pipeline.stage import StageContext
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.tables import write_json
from mechval.two_sat.figures import draw_figures
from mechval.two_sat.model_card import render_model_card
from mechval.two_sat.report import render_report
from mechval.two_sat.report_headlines import headline_metrics
from mechval.two_sat.report_tables import RunFacts, load_tables
from mechval.two_sat.settings import TwoSatSettings


def run(context: StageContext[TwoSatSettings]) -> None:
    """Write the page, the model card, the figures and the headline numbers."""
    directories = {name: artifacts.directory for name, artifacts in context.upstream.items()}
    tables = load_tables(_run_facts(context), directories)
    (context.directory / "README.md").write_text(render_report(tables), encoding="utf-8")
    card = render_model_card(tables)
    (context.directory / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    write_json(headline_metrics(tables), context.directory / "metrics.json")
    figures = context.directory / "figures"
    figures.mkdir()
    with figure_style():
        for name, figure in draw_figures(tables).items():
            save_figure(figure, figures, name)


def _run_facts(context: StageContext[TwoSatSettings]) -> RunFacts:
    settings = context.settings
    recipes = {"training": settings.training, "finishing": settings.finishing}
    return RunFacts(
        problem=settings.problem,
        seed=context.seed,
        model=settings.model.kind,
        evaluation_formulas={
            phase: recipe.evaluation_examples for phase, recipe in recipes.items() if recipe
        },
    )
