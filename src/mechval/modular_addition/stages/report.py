"""Stage ``report``: a page and figures for reading, from the tracked tables alone."""

from mechval import axioms
from mechval.modular_addition.circuit import extract as circuit
from mechval.modular_addition.network import training
from mechval.modular_addition.report import content, paper_values
from mechval.modular_addition.stages.data import Context
from mechval.reporting import paper_comparison, report

READS = ("*",)
SETTINGS = ("problem", "training")
TABLES = (paper_comparison.COMPARISONS, paper_values.HEADLINES)


def run(context: Context) -> None:
    """Write the page, the figures, the rows beside the paper and the headline numbers."""
    directories = {name: artifacts.directory for name, artifacts in context.upstream.items()}
    files = report.RunFiles(context.settings, context.seed, directories)
    title, folder = content.title(files), context.directory
    report.write_report(title, content.MAKERS, files, content.PACKAGE, folder, draw=context.draw)
    comparisons = paper_values.compare_with_paper(
        context.settings.problem, files.rows(axioms.CELLS)
    )
    paper_comparison.COMPARISONS.write(comparisons, folder)
    headlines = paper_values.Headlines(
        files.record(training.ANSWERS).wrong_count,
        files.record(circuit.FACTS).key_frequencies,
        {item.published.key: item.verdict for item in comparisons},
    )
    paper_values.HEADLINES.write(headlines, folder)
