"""Stage ``certify``: the pairs that fail; the counts themselves are those of stage ``axioms``."""

from mechval import axioms
from mechval.modular_addition.claim.validation import FAILING, find_failing_pairs
from mechval.modular_addition.stages.data import Context
from mechval.modular_addition.stages.train import load_stage_network

TABLES = (FAILING,)


def run(context: Context) -> None:
    """Write the smallest failing pairs of the main interpretation."""
    settings, directory = context.settings, context.upstream["axioms"].directory
    ((main, disagreements),) = axioms.load_disagreements(directory).items()
    cells = [row for row in axioms.CELLS.read(directory) if row.interpretation == main]
    pairs = find_failing_pairs(
        cells,
        disagreements,
        load_stage_network(context),
        settings.problem,
        settings.certify.counterexamples,
    )
    FAILING.write(pairs, context.directory)
