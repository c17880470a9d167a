"""What is known exactly about a network on a domain that is enumerated, as a ledger.

Every cell was counted on all p² inputs, so nothing needs a proof; the held-out bounds of the
paper stand beside the counts.
"""

from collections.abc import Sequence

import torch

from mechval.axioms import Disagreements, EvidenceKind
from mechval.axioms.evidence import Statement
from mechval.modular_addition.claim.validation import HELD_OUT
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.report.report_tables import CellRow
from mechval.reporting.tables import Row
from mechval.transformer import Transformer


def cell_statements(cells: Sequence[CellRow], problem: ModularAddition) -> list[Statement]:
    """One statement per distinct cell and set of inputs, exact ones first, in table order."""
    distinct = [cell for cell in cells if cell.is_distinct]
    ordered = sorted(distinct, key=lambda cell: cell.kind is EvidenceKind.SAMPLED)
    return [_statement(cell, problem) for cell in ordered]


def failing_pair_rows(
    audit: Disagreements, model: Transformer, problem: ModularAddition, limit: int
) -> list[Row]:
    """The smallest inputs on which each cell disagrees, by a, then b.

    A pair has no parts that could be left out, so there is nothing to shrink.

    Args:
        audit: which of the p² inputs disagree in which cell of the main interpretation.
        limit: pairs per cell at most.
    """
    pairs = problem.all_pairs()
    components = Components(model)
    rows: list[Row] = []
    for name, disagrees in zip(audit.cells, audit.disagreements, strict=True):
        chosen = disagrees.nonzero().flatten()[:limit]
        if len(chosen) == 0:
            continue
        with torch.inference_mode():
            tokens = problem.tokens(pairs[chosen])
            answers = components.output(components.hidden(components.embed(tokens)))
        rows += [
            {
                "interpretation": audit.interpretation,
                "cell": name,
                "disagreements": int(disagrees.sum()),
                "n": len(pairs),
                "a": a,
                "b": b,
                "sum": (a + b) % problem.p,
                "network_answer": answer,
            }
            for (a, b), answer in zip(pairs[chosen].tolist(), answers.tolist(), strict=True)
        ]
    return rows


def _statement(cell: CellRow, problem: ModularAddition) -> Statement:
    is_exact = cell.kind is EvidenceKind.EXACT
    rate = cell.disagreements / cell.n
    named = f"{cell.axiom_name} of {cell.component} fails in `{cell.interpretation}`"
    return Statement(
        statement=f"{named}{'' if is_exact else ', bounded from the held-out inputs'}",
        axiom=cell.axiom_name,
        component=cell.component,
        interpretation=cell.interpretation,
        kind=cell.kind,
        domain=f"all {problem.n_pairs:,} pairs (a, b)" if cell.inputs == HELD_OUT else cell.inputs,
        distribution="uniform",
        count_lower=cell.disagreements,
        count_upper=cell.disagreements,
        total=cell.n if is_exact else None,
        value_lower=rate if is_exact else None,
        value_upper=rate if is_exact else cell.epsilon,
        n=None if is_exact else cell.n,
        confidence=None if is_exact else cell.confidence,
        file="axioms/axioms.csv",
    )
