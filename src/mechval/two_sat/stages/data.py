"""Stage ``data``: both corpora, labelled and cross-checked, with their facts and card."""

from mechval import tables
from mechval.pipeline.stage import StageContext
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import DATA, describe_corpora, render_data_card, save_corpora
from mechval.two_sat.formulas.generation import generate_corpora

READS = ()
SETTINGS = ("problem", "data")
TABLES: tuple[tables.Declared, ...] = (DATA,)


def run(context: StageContext[TwoSatSettings]) -> None:
    """Write the corpora to the bulk directory; facts and card to the results."""
    settings = context.settings
    corpora = generate_corpora(settings.problem, settings.data, context.seed)
    facts = describe_corpora(corpora, save_corpora(corpora, context.bulk))
    DATA.write(facts, context.directory)
    (context.directory / "README.md").write_text(render_data_card(facts), encoding="utf-8")
