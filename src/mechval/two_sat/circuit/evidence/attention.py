"""Attention as it happens: one formula in full, and averages over a split."""

from dataclasses import dataclass

import torch

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.recording import AnswerRecord, mean_first_pattern
from mechval.two_sat.circuit.evidence.scores import PatternRow, pattern_rows
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem

FIRST_BLOCK_FORMULAS = 10_000
"""Enough for block 0's means: weights lie in [0, 1], so their standard errors are below 0.005."""


@dataclass(frozen=True)
class MeanAttentionRow:
    """Mean attention of a head to a position, over ``n`` formulas. Block 0 is asked from the second
    literals, and averaged over them; block 1 from ``:``."""

    block: int = tables.told()
    head: int = tables.told()
    position: int = tables.told()
    attention: float = tables.number()
    n: int = tables.told("N")


@dataclass(frozen=True)
class OwnClauseRow:
    """Block 0's mean attention from a second literal to the two literals of its clause."""

    head: int = tables.told()
    clause: int = tables.told()
    own_clause_attention: float = tables.number()


FORMULA_ATTENTION = tables.Table("circuit/evidence/formula_attention.csv", PatternRow)
MEAN_ATTENTION = tables.Table("circuit/evidence/mean_attention.csv", MeanAttentionRow)
OWN_CLAUSE_ATTENTION = tables.Table("circuit/attention.csv", OwnClauseRow)


@torch.inference_mode()
def formula_attention_rows(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> list[PatternRow]:
    """Attention of every head of both blocks, from every position, on the split's first formula."""
    tokens = encode_formulas(problem, torch.from_numpy(split.first(1).clause_ids).to(device))
    symbols = Vocabulary(problem).symbols
    asking = {place: symbols[token] for place, token in enumerate(tokens[0].tolist())}
    streams = (model.embed(tokens), Components(model, problem).parse(tokens))
    return [
        row
        for block, stream in enumerate(streams)
        for row in pattern_rows(model.block(block).attn.pattern(stream)[0].cpu(), block, asking)
    ]


def mean_attention_rows(
    model: Transformer, problem: Problem, split: Split, record: AnswerRecord, device: torch.device
) -> list[MeanAttentionRow]:
    """Mean attention by position asked. Block 0 over the first ``FIRST_BLOCK_FORMULAS`` of the
    split, block 1 over all of it."""
    sample = split.first(FIRST_BLOCK_FORMULAS)
    first = mean_first_pattern(model, problem, sample, device).mean(dim=1)
    return [
        MeanAttentionRow(block, head, position, attention, n)
        for block, patterns, n in ((0, first, len(sample)), (1, record.mean_pattern, len(split)))
        for head, pattern in enumerate(patterns)
        for position, attention in enumerate(pattern.tolist())
    ]


def own_clause_rows(circuit: Circuit) -> list[OwnClauseRow]:
    """Per head and clause position, on the fitting split."""
    return [
        OwnClauseRow(head, clause, value)
        for head, values in enumerate(circuit.own_clause_attention.tolist())
        for clause, value in enumerate(values)
    ]
