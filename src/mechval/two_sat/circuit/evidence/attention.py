"""Attention as it happens: one formula in full, and averages over a split.

Source: PAPER.md section 2, circuit evidence.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.recording import AnswerRecord, mean_first_pattern
from mechval.two_sat.circuit.evidence.scores import pattern_rows
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem

FIRST_BLOCK_FORMULAS = 10_000
"""Enough for block 0's means: weights lie in [0, 1], so their standard errors are below 0.005."""


@torch.inference_mode()
def formula_attention_rows(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> list[Row]:
    """Attention of every head of both blocks, from every position, on the split's first formula."""
    tokens = encode_formulas(problem, torch.from_numpy(split.first(1).clause_ids).to(device))
    vocabulary = Vocabulary(problem)
    symbols = [vocabulary.symbols[token] for token in tokens[0].tolist()]
    embedded = model.embed(tokens)
    streams = (embedded, Components(model, problem).parse(tokens))
    return [
        row
        for block, stream in enumerate(streams)
        for row in pattern_rows(model.block(block).attn.pattern(stream)[0].cpu(), block, symbols)
    ]


def mean_attention_rows(
    model: Transformer, problem: Problem, split: Split, record: AnswerRecord, device: torch.device
) -> list[Row]:
    """Mean attention by position asked.

    Block 0 from the second literals, over the first ``FIRST_BLOCK_FORMULAS`` of the split:
    ``clause`` is that of the asking literal, empty for the mean over all of them. Block 1 from the
    answer position, over the whole split.
    """
    sample = split.first(FIRST_BLOCK_FORMULAS)
    by_clause = mean_first_pattern(model, problem, sample, device).transpose(0, 1)
    rows = _rows(by_clause.mean(dim=0), block=0, clause=None, n=len(sample))
    for clause, second in enumerate(FormulaLayout(problem).second_literal_positions):
        seen = by_clause[clause, :, : second + 1]
        rows += _rows(seen, block=0, clause=clause, n=len(sample))
    return rows + _rows(record.mean_pattern, block=1, clause=None, n=len(split))


def _rows(
    patterns: Float[Tensor, "head_index pos"], *, block: int, clause: int | None, n: int
) -> list[Row]:
    return [
        {
            "block": block,
            "head": head,
            "clause": clause,
            "position": position,
            "attention": attention,
            "n": n,
        }
        for head, pattern in enumerate(patterns)
        for position, attention in enumerate(pattern.tolist())
    ]
