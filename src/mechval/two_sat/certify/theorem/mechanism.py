"""What a proved network does, in numbers to look at: what its heads and neurons do with a clause on
every formula, and one formula from attention to neurons."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.certify.theorem import closed_form, neurons, second_block
from mechval.two_sat.certify.theorem.first_block import EnteredBlock
from mechval.two_sat.circuit.evidence.scores import PatternRow, pattern_rows
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class HeadShare:
    """Of what a head of block 1 gives to second literals and ``:``, the share of one clause.

    Attributes:
        least: on any formula; ``most`` likewise.
    """

    head: int = tables.told()
    least: float = tables.number()
    most: float = tables.number()


@dataclass(frozen=True)
class NeuronAtWork:
    """A live neuron, on every formula and on the example.

    Attributes:
        drop_least: what a clause that its assignment falsifies takes off the pre-activation, in
            place of one that it satisfies, at least; ``drop_most`` likewise.
        n_falsified: clauses of the example that its assignment falsifies.
        pre_activation: on the example.
    """

    neuron: int = tables.told()
    assignment: int = tables.told()
    drop_least: float = tables.number(unit="pre-activation")
    drop_most: float = tables.number(unit="pre-activation")
    n_falsified: int = tables.told("falsified clauses")
    pre_activation: float = tables.number(unit="pre-activation")


HEADS = tables.Table("certify/mechanism_heads.csv", HeadShare)
NEURONS = tables.Table("certify/mechanism_neurons.csv", NeuronAtWork)
ATTENTION = tables.Table("certify/mechanism_attention.csv", PatternRow)
TABLES: tuple[tables.Declared, ...] = (HEADS, NEURONS, ATTENTION)


@torch.inference_mode()
def write_mechanism(model: Transformer, problem: Problem, split: Split, folder: Path) -> None:
    """Write all tables; the example is the split's first satisfiable formula."""
    # Of sums that cancel, float32 leaves digits that differ between machines.
    precise = copy.deepcopy(model).cpu().double()
    example = split.clause_ids[np.flatnonzero(split.satisfiable)[:1]].astype(np.int64)
    entered = EnteredBlock(model, problem)
    own = second_block.own_sums(entered, entered.read())
    evaluators = neurons.find_evaluators(entered, own)
    shares = zip(*(bound.tolist() for bound in closed_form.clause_shares(own)), strict=True)
    HEADS.write([HeadShare(head, *bounds) for head, bounds in enumerate(shares)], folder)
    NEURONS.write(_at_work(precise, problem, own, evaluators, torch.from_numpy(example)), folder)
    ATTENTION.write(_attention(precise, problem, torch.from_numpy(example)), folder)


def _at_work(
    precise: Transformer,
    problem: Problem,
    own: second_block.Sums,
    evaluators: neurons.Evaluators,
    example: Int[torch.Tensor, "1 clause_position"],
) -> list[NeuronAtWork]:
    terms, is_off = closed_form.lay_out(own, evaluators.neuron), evaluators.falsified.T
    inf = torch.inf
    drop_least = torch.where(is_off, inf, terms.low).amin(1) - (
        torch.where(is_off, terms.high, -inf).amax(1)
    )
    drop_most = torch.where(is_off, -inf, terms.high).amax(1) - (
        torch.where(is_off, terms.low, inf).amin(1)
    )
    components, mlp = Components(precise, problem), precise.block(1).mlp
    resid = components.parse(encode_formulas(problem, example))
    mid = resid[:, -1] + components.answer_attention(resid)
    found = (mid @ mlp.W_in + mlp.b_in)[0, evaluators.neuron]
    columns: tuple[Any, ...] = (
        evaluators.neuron,
        evaluators.assignment,
        drop_least.amin(0),
        drop_most.amax(0),
        is_off[example[0]].sum(0),
        found,
    )
    return [NeuronAtWork(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def _attention(
    precise: Transformer, problem: Problem, example: Int[torch.Tensor, "1 clause_position"]
) -> list[PatternRow]:
    """Of block 0 from every position, of block 1 from ``:``."""
    tokens, components = encode_formulas(problem, example), Components(precise, problem)
    symbols = Vocabulary(problem).symbols
    asking = {place: symbols[token] for place, token in enumerate(tokens[0].tolist())}
    below = precise.block(0).attn.pattern(precise.embed(tokens))[0]
    above = precise.block(1).attn.pattern(components.parse(tokens))[0]
    answer = components.layout.answer_position
    return [
        *pattern_rows(below, 0, asking),
        *pattern_rows(above, 1, {answer: asking[answer]}),
    ]
