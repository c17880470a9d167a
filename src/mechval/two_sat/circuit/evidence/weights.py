"""Block 0's attention from the weights alone: score tables, expected pattern, extremes.

Source: PAPER.md section 2, circuit evidence.
"""

from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.answer_extremes import (
    answer_extreme_facts,
    answer_extreme_rows,
)
from mechval.two_sat.circuit.evidence.record import Evidence, Fact
from mechval.two_sat.circuit.evidence.scores import (
    expected_pattern,
    first_block_scores,
    pattern_rows,
    score_rows,
)
from mechval.two_sat.circuit.evidence.worst_case import CHOICES, worst_case_rows
from mechval.two_sat.problem import Problem


def weight_evidence(model: Transformer, problem: Problem) -> Evidence:
    """Everything that needs no formula."""
    tables = first_block_scores(model)
    worst = worst_case_rows(tables, problem)
    extremes = answer_extreme_rows(tables, problem)
    tokens = ["(", "literal", "literal", ")"] * problem.n_clauses + [":"]
    facts = answer_extreme_facts(extremes)
    for choice in CHOICES:
        for target in ("first_literal", "own_clause"):
            weights = [
                float(str(row["weight"]))
                for row in worst
                if row["choice"] == choice and row["target"] == target
            ]
            facts[f"worst_case.{choice}.{target}"] = Fact(min(weights))
    return Evidence(
        {
            "block0_scores": score_rows(tables, problem),
            "block0_expected_attention": pattern_rows(expected_pattern(tables, problem), 0, tokens),
            "block0_worst_case": worst,
            "answer_attention_extremes": extremes,
        },
        facts,
    )
