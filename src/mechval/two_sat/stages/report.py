"""Stage ``report``: a page and figures for reading, from the tracked tables alone."""

from mechval import tables
from mechval.pipeline.stage import StageContext
from mechval.reporting import report
from mechval.reporting.paper_comparison import COMPARISONS
from mechval.reporting.report import RunFiles
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.report import content, measured

READS = ("*",)
SETTINGS = ("problem", "training", "finishing")
TABLES: tuple[tables.Declared, ...] = (COMPARISONS, content.HEADLINES)


def run(context: StageContext[TwoSatSettings]) -> None:
    """Write the page, the model card, the figures and the headline numbers."""
    directories = {name: artifacts.directory for name, artifacts in context.upstream.items()}
    files = RunFiles(context.settings, context.seed, directories)
    sections = report.make_sections(content.MAKERS, files)
    report.write_report(
        content.title(files), sections, content.PACKAGE, context.directory, draw=context.draw
    )
    card = report.make_sections(content.CARD, files)
    text = report.render_markdown(f"Model card: {content.title(files)}", card, content.PACKAGE)
    (context.directory / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    if measured.is_paper_size(files):
        COMPARISONS.write(measured.compare_with_paper(files), context.directory)
    content.HEADLINES.write(content.headlines(files), context.directory)
