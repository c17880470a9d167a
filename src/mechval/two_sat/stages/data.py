"""Stage ``data``: both corpora, labelled and cross-checked, with their facts and card."""

from dataclasses import asdict

from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_json
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.card import describe_corpora, render_data_card
from mechval.two_sat.formulas.dataset import save_corpora
from mechval.two_sat.formulas.generation import generate_corpora


def run(context: StageContext[TwoSatSettings]) -> None:
    """Write the corpora to the bulk directory; facts and card to the results."""
    settings = context.settings
    corpora = generate_corpora(settings.problem, settings.data, context.seed)
    path = save_corpora(corpora, context.bulk)
    facts = describe_corpora(corpora, path)
    write_json(asdict(facts), context.directory / "metrics.json")
    (context.directory / "README.md").write_text(render_data_card(facts), encoding="utf-8")
