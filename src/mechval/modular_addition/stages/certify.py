"""Stage ``certify``: the ledger of what is counted and what is sampled, and pairs that fail."""

from mechval.axioms import load_disagreements
from mechval.modular_addition.certify.exact import cell_statements, failing_pair_rows
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.report.report_tables import CellRow
from mechval.modular_addition.stages.train import load_stage_network
from mechval.pipeline.stage import StageContext
from mechval.reporting.ledger import kind_counts, write_ledger
from mechval.reporting.records import read_records
from mechval.reporting.tables import write_csv, write_json


def run(context: StageContext[ModularAdditionSettings]) -> None:
    """Write the ledger from the axiom table, the smallest failing pairs and the headlines."""
    settings, axioms = context.settings, context.upstream["axioms"].directory
    cells = read_records(axioms / "axioms.csv", CellRow)
    statements = cell_statements(cells, settings.problem)
    write_ledger(statements, context.directory)
    pairs = failing_pair_rows(
        load_disagreements(axioms / "disagreements.safetensors"),
        load_stage_network(context),
        settings.problem,
        settings.certify.counterexamples,
    )
    if pairs:
        write_csv(pairs, context.directory / "counterexamples.csv")
    write_json(
        {"statements": kind_counts(statements), "inputs": settings.problem.n_pairs},
        context.directory / "metrics.json",
    )
