"""All figures of the circuit evidence, by file name, drawn from its tables alone."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from mechval.two_sat.circuit.evidence import (
    ablations,
    answer_extremes,
    attention,
    clause_scores,
    contribution_rows,
    neuron_rows,
    program_rows,
    scores,
    worst_case,
)
from mechval.two_sat.circuit.evidence.gather import Filled
from mechval.two_sat.report.evidence_facts import Fact
from mechval.two_sat.report.figures.attention import draw_formula_attention, draw_mean_attention
from mechval.two_sat.report.figures.neurons import (
    draw_ablations,
    draw_assignments,
    draw_coefficients,
    draw_contributions,
    draw_preactivation,
    draw_programs,
)
from mechval.two_sat.report.figures.scores import (
    draw_answer_extremes,
    draw_block0_scores,
    draw_clause_scores,
    draw_expected_attention,
    draw_worst_case,
)


def evidence_figures(evidence: Filled, facts: Mapping[str, Fact]) -> dict[str, Figure]:
    """Draw every figure; call it inside ``figure_style`` (deterministic for equal evidence)."""
    block0 = evidence[scores.SCORES]
    formula = evidence[attention.FORMULA_ATTENTION]
    n_ctx = len({row.position for row in formula})
    default = int(facts["contributions.default_neuron"].value)
    neurons = evidence[neuron_rows.NEURONS]
    figures = {
        "formula-attention": draw_formula_attention(formula),
        "mean-attention": draw_mean_attention(evidence[attention.MEAN_ATTENTION]),
        "block0-expected-attention": draw_expected_attention(evidence[scores.EXPECTED_ATTENTION]),
        "block0-worst-case": draw_worst_case(evidence[worst_case.WORST_CASES]),
        "answer-attention-extremes": draw_answer_extremes(
            evidence[answer_extremes.ANSWER_EXTREMES], n_ctx
        ),
        "block1-clause-scores": draw_clause_scores(evidence[clause_scores.CLAUSE_SCORES]),
        "ablations": draw_ablations(
            evidence[ablations.ABLATIONS], evidence[ablations.LOGIT_DIFFERENCES]
        ),
        "coefficients": draw_coefficients(neurons),
        "assignment-effects": draw_assignments(evidence[neuron_rows.ASSIGNMENT_EFFECTS]),
        "neuron-programs": draw_programs(
            evidence[program_rows.PROGRAM_QUALITY], evidence[program_rows.COVERAGE], neurons
        ),
        "clause-contributions": draw_contributions(evidence[contribution_rows.HISTOGRAMS], default),
        "preactivation-parts": draw_preactivation(
            evidence[contribution_rows.PREACTIVATION_PARTS], default
        ),
    }
    for head in dict.fromkeys(row.head for row in block0):
        figures[f"block0-scores-head-{head}"] = draw_block0_scores(block0, head)
    return figures
