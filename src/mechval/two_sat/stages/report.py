"""Stage ``report``: a page and figures for reading, from the tracked tables alone."""

from mechval.pipeline.stage import StageContext
from mechval.progress import track
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.paper import COMPARISONS
from mechval.reporting.tables import write_json
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.report.figures.draw import draw_figures
from mechval.two_sat.report.model_card import render_model_card
from mechval.two_sat.report.report import render_report
from mechval.two_sat.report.report_claim_sections import render_claims
from mechval.two_sat.report.report_claims import Claims, claim_figures, load_claims
from mechval.two_sat.report.report_headlines import headline_metrics
from mechval.two_sat.report.report_tables import ReportTables, RunFacts, load_tables


def run(context: StageContext[TwoSatSettings]) -> None:
    """Write the page, the model card, the figures and the headline numbers."""
    directories = {name: artifacts.directory for name, artifacts in context.upstream.items()}
    tables = load_tables(_run_facts(context), directories)
    claims = load_claims(tables.run, directories)
    drawn = _draw(context, tables, claims)
    page = f"{render_report(tables)}\n{render_claims(claims, drawn)}\n"
    (context.directory / "README.md").write_text(page, encoding="utf-8")
    if claims.comparisons:
        COMPARISONS.write(claims.comparisons, context.directory)
    card = render_model_card(tables)
    (context.directory / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    write_json(headline_metrics(tables), context.directory / "metrics.json")


def _draw(context: StageContext[TwoSatSettings], tables: ReportTables, claims: Claims) -> list[str]:
    folder = context.directory / "figures"
    folder.mkdir()
    with figure_style():
        figures = {**draw_figures(tables), **claim_figures(claims)}
        for name, figure in track(figures.items(), "figures"):
            save_figure(figure, folder, name)
    return list(figures)


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
