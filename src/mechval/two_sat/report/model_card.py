"""The model card of one network, from the run's tables alone."""

from mechval.two_sat.report.report_sections import render_accuracy, render_training
from mechval.two_sat.report.report_tables import ReportTables

_ORIGIN = {
    "own": (
        "Trained from scratch by stage `train`; the recipe is in `train/manifest.json`, and "
        "`train/weights.safetensors` holds the weights under TransformerLens names."
    ),
    "published": (
        "The authors' checkpoint (MIT licence, github.com/nilspalumbo/axiomatic-validation), "
        "converted by stage `train`; the weights are not part of this repository."
    ),
}


def render_model_card(tables: ReportTables) -> str:
    """Render the card: what the network is for, what it was made from, where it fails."""
    run = tables.run
    sections = [
        f"# Model card: {run.model} 2-SAT network, seed {run.seed}",
        _purpose(tables),
        f"## Origin\n\n{_ORIGIN[run.model]}",
        render_training(tables),
        render_accuracy(tables),
        _failures(tables),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _purpose(tables: ReportTables) -> str:
    problem = tables.run.problem
    return (
        f"Answers `s` or `u` after a 2-SAT formula of exactly {problem.n_clauses} clauses over "
        f"{problem.n_variables} variables, each clause over two different variables with the "
        "smaller one first. It exists to be interpreted; a SAT solver is the right tool for "
        "deciding formulas. Formulas of another size or layout are outside its vocabulary."
    )


def _failures(tables: ReportTables) -> str:
    satisfiable, unsatisfiable = (
        tables.accuracy.classes[name] for name in ("satisfiable", "unsatisfiable")
    )
    return (
        "## Known failures\n\n"
        f"Of the test formulas, {satisfiable.wrong_count} of {satisfiable.n:,} satisfiable and "
        f"{unsatisfiable.wrong_count} of {unsatisfiable.n:,} unsatisfiable ones are answered "
        "wrongly. Half of the formulas it was trained and tested on are satisfiable; among "
        f"independent draws {tables.data.natural_satisfiable_share:.2%} are "
        f"(N = {tables.data.formulas_drawn:,})."
    )
