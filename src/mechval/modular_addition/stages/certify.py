"""Stage ``certify``: the pairs that fail; the counts themselves are those of stage ``axioms``."""

from mechval import axioms
from mechval.modular_addition.claim.validation import FAILING, find_failing_pairs
from mechval.modular_addition.stages.data import Context
from mechval.modular_addition.stages.train import load_stage_network

READS = ("train", "axioms")
SETTINGS = ("problem", "architecture", "certify")
TABLES = (FAILING,)


def run(context: Context) -> None:
    """Write the smallest failing pairs of the main interpretation."""
    settings, directory = context.settings, context.upstream["axioms"].directory
    cells = axioms.CELLS.read(directory)
    if not cells:
        # No claim can be stated.
        FAILING.write((), context.directory)
        return
    ((main, disagreements),) = axioms.load_disagreements(directory).items()
    pairs = find_failing_pairs(
        [row for row in cells if row.interpretation == main],
        disagreements,
        load_stage_network(context),
        settings.problem,
        settings.certify.counterexamples,
    )
    FAILING.write(pairs, context.directory)
