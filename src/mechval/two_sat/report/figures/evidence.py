"""All figures of the circuit evidence, by file name, drawn from its tables alone."""

from matplotlib.figure import Figure

from mechval.two_sat.circuit.evidence.record import Evidence
from mechval.two_sat.report.figures.attention import draw_formula_attention, draw_mean_attention
from mechval.two_sat.report.figures.neurons import (
    draw_ablations,
    draw_assignments,
    draw_coefficients,
    draw_contributions,
    draw_preactivation,
    draw_programs,
)
from mechval.two_sat.report.figures.panels import distinct, number
from mechval.two_sat.report.figures.scores import (
    draw_answer_extremes,
    draw_block0_scores,
    draw_clause_scores,
    draw_expected_attention,
    draw_worst_case,
)


def evidence_figures(evidence: Evidence) -> dict[str, Figure]:
    """Draw every figure; call it inside ``figure_style`` (deterministic for equal evidence)."""
    tables = evidence.tables
    scores = tables["block0_scores"]
    n_ctx = len({row["position"] for row in tables["formula_attention"]})
    default = int(evidence.facts["contributions.default_neuron"].value)
    figures = {
        "formula-attention": draw_formula_attention(tables["formula_attention"]),
        "mean-attention": draw_mean_attention(tables["mean_attention"]),
        "block0-expected-attention": draw_expected_attention(tables["block0_expected_attention"]),
        "block0-worst-case": draw_worst_case(tables["block0_worst_case"]),
        "answer-attention-extremes": draw_answer_extremes(
            tables["answer_attention_extremes"], n_ctx
        ),
        "block1-clause-scores": draw_clause_scores(tables["block1_clause_scores"]),
        "ablations": draw_ablations(tables["ablations"], tables["logit_differences"]),
        "coefficients": draw_coefficients(tables["coefficients"]),
        "assignment-effects": draw_assignments(
            tables["mean_activations"], tables["assignment_effects"]
        ),
        "neuron-programs": draw_programs(tables["program_quality"], tables["coverage"]),
        "clause-contributions": draw_contributions(tables["contribution_histograms"]),
        "preactivation-parts": draw_preactivation(tables["preactivation_parts"], default),
    }
    for row_head in distinct(scores, "head"):
        head = int(number({"head": row_head}, "head"))
        figures[f"block0-scores-head-{head}"] = draw_block0_scores(scores, head)
    return figures
