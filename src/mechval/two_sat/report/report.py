"""The report of one run as a Markdown page, from its tables alone."""

from mechval.two_sat.report.report_axioms import render_axioms
from mechval.two_sat.report.report_headlines import render_targets
from mechval.two_sat.report.report_sections import render_accuracy, render_circuit, render_training
from mechval.two_sat.report.report_tables import ReportTables
from mechval.two_sat.report.report_variants import main_variant

_MODELS = {"own": "a network trained with this code", "published": "the authors' network"}


def render_report(tables: ReportTables) -> str:
    """Render the page; its links are relative to the report's own directory."""
    sections = [
        _title(tables),
        render_targets(tables),
        render_accuracy(tables),
        render_training(tables),
        render_circuit(tables, main_variant(tables).reading),
        render_axioms(tables),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _title(tables: ReportTables) -> str:
    run = tables.run
    return (
        f"# 2-SAT with {run.problem.n_variables} variables and {run.problem.n_clauses} clauses: "
        f"{run.model} model, seed {run.seed}\n\n"
        f"{_MODELS[run.model].capitalize()}, its circuit and the axioms. Made by stage `report` "
        "from the tables of the stages before it; every section names them."
    )
