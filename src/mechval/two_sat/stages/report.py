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
    title, folder = content.title(files), context.directory
    report.write_report(title, content.MAKERS, files, content.PACKAGE, folder, draw=context.draw)
    card = report.make_sections(content.CARD, files)
    text = report.render_markdown(f"Model card: {title}", card, content.PACKAGE)
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    if measured.is_paper_size(files):
        COMPARISONS.write(measured.compare_with_paper(files), folder)
    content.HEADLINES.write(content.headlines(files), folder)
