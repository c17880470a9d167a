"""The tables are the network with attention where it is read; the bounds are bounds."""

from itertools import product

import pytest
import torch
from torch import Tensor

from mechval.transformer import Transformer
from mechval.transformer.architecture import Architecture
from mechval.two_sat.consolidate.closed_form import neuron_bounds
from mechval.two_sat.consolidate.first_block import first_block
from mechval.two_sat.consolidate.formulas import is_satisfiable, violates
from mechval.two_sat.consolidate.hinges import unread_gap
from mechval.two_sat.consolidate.second_block import (
    answer_margins,
    answer_pushes,
    falsified_by,
    preactivations,
    second_block,
)
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.network.training import make_network
from mechval.two_sat.problem import Problem

PROBLEM = Problem(n_variables=3, n_clauses=4)
LAYOUT = FormulaLayout(PROBLEM)
SECOND, ANSWER = list(LAYOUT.second_literal_positions), LAYOUT.answer_position
NEURONS = torch.arange(8)
EVERY = torch.tensor(list(product(range(PROBLEM.n_distinct_clauses), repeat=4)))
SEEDS = (0, 1, 2)


def network(seed: int, problem: Problem = PROBLEM) -> Transformer:
    """Random weights; biases too, as none may be forgotten."""
    model = make_network(problem, Architecture(d_model=16, d_mlp=8, n_heads=(2, 4)))
    generator = torch.Generator().manual_seed(seed)
    model.initialise(generator)
    with torch.no_grad():
        for block in range(2):
            mlp = model.block(block).mlp
            mlp.b_in.normal_(generator=generator)
            mlp.b_out.normal_(generator=generator)
    return model


@pytest.fixture(params=SEEDS)
def model(request: pytest.FixtureRequest) -> Transformer:
    return network(request.param)


def some_formulas(n: int = 40) -> Tensor:
    return EVERY[torch.randperm(len(EVERY), generator=torch.Generator().manual_seed(5))[:n]]


def read_in_first_block() -> Tensor:
    """What each position may see in block 0: ``[query, key]``."""
    allowed = torch.ones(LAYOUT.n_ctx, LAYOUT.n_ctx, dtype=torch.bool)
    for position in SECOND:
        allowed[position] = False
        allowed[position, position - 1 : position + 1] = True
    allowed[ANSWER, [position for start in SECOND for position in (start - 1, start)]] = False
    return allowed


def confined(model: Transformer, tokens: Tensor) -> dict[str, Tensor]:
    """The network with its attention masked to what is read, as cached activations."""
    in_second = torch.zeros(LAYOUT.n_ctx, dtype=torch.bool)
    in_second[[*SECOND, ANSWER]] = True

    def first(scores: Tensor, hook: object) -> Tensor:
        return scores.masked_fill(~read_in_first_block(), -torch.inf)

    def second(scores: Tensor, hook: object) -> Tensor:
        masked = scores.clone()
        masked[:, :, ANSWER] = scores[:, :, ANSWER].masked_fill(~in_second, -torch.inf)
        return masked

    with model.hooks(
        [("blocks.0.attn.hook_attn_scores", first), ("blocks.1.attn.hook_attn_scores", second)]
    ):
        return model.run_with_cache(tokens)[1]


def test_states_are_those_of_the_network_that_sees_only_what_is_read(model: Transformer) -> None:
    formulas = some_formulas()
    found = confined(model, encode_formulas(PROBLEM, formulas))["blocks.0.hook_resid_post"]
    tables = first_block(model, PROBLEM)
    expected = tables.clause_resid[torch.arange(4), formulas]
    assert torch.allclose(found[:, SECOND], expected, atol=1e-5)
    assert torch.allclose(found[:, ANSWER], tables.colon_resid.expand(len(found), -1), atol=1e-5)


def test_preactivations_are_those_of_the_network_that_sees_only_what_is_read(
    model: Transformer,
) -> None:
    formulas = some_formulas()
    cache = confined(model, encode_formulas(PROBLEM, formulas))
    block = second_block(model, first_block(model, PROBLEM), NEURONS)
    found = cache["blocks.1.mlp.hook_pre"][:, ANSWER]
    assert torch.allclose(found, preactivations(block, formulas), atol=1e-4)


def log_odds(pattern: Tensor, allowed: Tensor) -> Tensor:
    seen = (pattern * allowed).sum(dim=-1)
    return seen.log() - (1 - seen).log()


def test_gaps_are_those_of_the_worst_formula_or_less(model: Transformer) -> None:
    tables, formulas = first_block(model, PROBLEM), some_formulas(2000)
    pattern = model.block(0).attn.pattern(model.embed(encode_formulas(PROBLEM, formulas)))
    odds = log_odds(pattern.double(), read_in_first_block())
    for place, position in enumerate(SECOND):
        bound = tables.own_gap[:, place, formulas[:, place]].T
        assert (odds[:, :, position] >= bound - 1e-3).all()
    assert (odds[:, :, ANSWER] >= tables.colon_gap - 1e-3).all()


def test_the_first_clause_has_its_own_parenthesis_alone_to_ignore(model: Transformer) -> None:
    tables, formulas = first_block(model, PROBLEM), some_formulas()
    pattern = model.block(0).attn.pattern(model.embed(encode_formulas(PROBLEM, formulas)))
    odds = log_odds(pattern.double(), read_in_first_block())[:, :, SECOND[0]]
    expected = tables.own_gap[:, 0, formulas[:, 0]].T
    assert torch.allclose(odds.float(), expected, atol=1e-3)


def test_the_unread_gap_is_that_of_the_patterns(model: Transformer) -> None:
    formulas = some_formulas()
    _, cache = model.run_with_cache(encode_formulas(PROBLEM, formulas))
    read = torch.zeros(LAYOUT.n_ctx, dtype=torch.bool)
    read[[*SECOND, ANSWER]] = True
    odds = log_odds(cache["blocks.1.attn.hook_pattern"][:, :, ANSWER].double(), read)
    assert torch.allclose(odds.float(), unread_gap(model, PROBLEM, formulas), atol=1e-3)


@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0])
def test_the_closed_form_bounds_every_neuron_on_every_formula(
    model: Transformer, spread: float
) -> None:
    with torch.no_grad():
        model.block(1).attn.query.mul_(spread)
    block = second_block(model, first_block(model, PROBLEM), NEURONS)
    falsified = falsified_by(PROBLEM, NEURONS)
    found, violated = preactivations(block, EVERY), violates(EVERY, falsified)
    bounds = neuron_bounds(block, falsified)
    assert (found.masked_fill(violated, torch.inf).amin(dim=0) >= bounds.lower - 1e-4).all()
    assert (found.masked_fill(~violated, -torch.inf).amax(dim=0) <= bounds.upper + 1e-4).all()


def test_without_scores_the_closed_form_is_attained(model: Transformer) -> None:
    with torch.no_grad():
        model.block(1).attn.query.zero_()
    block = second_block(model, first_block(model, PROBLEM), NEURONS)
    falsified = falsified_by(PROBLEM, NEURONS)
    found, violated = preactivations(block, EVERY), violates(EVERY, falsified)
    bounds = neuron_bounds(block, falsified)
    lower = found.masked_fill(violated, torch.inf).amin(dim=0)
    upper = found.masked_fill(~violated, -torch.inf).amax(dim=0)
    assert torch.allclose(lower, bounds.lower, atol=1e-4)
    assert torch.allclose(upper, bounds.upper, atol=1e-4)


def test_answers_lead_by_at_least_the_margins(model: Transformer) -> None:
    block = second_block(model, first_block(model, PROBLEM), NEURONS)
    levels = torch.linspace(0.5, 2, len(NEURONS))
    off, single = answer_margins(PROBLEM, block, levels)
    vocabulary, formulas = Vocabulary(PROBLEM), some_formulas()
    resid = confined(model, encode_formulas(PROBLEM, formulas))["blocks.1.hook_resid_mid"]
    for neuron in (None, *NEURONS.tolist()):
        hidden = torch.zeros(len(NEURONS))
        if neuron is not None:
            hidden[neuron] = levels[neuron]
        logits = (resid[:, ANSWER] + model.block(1).mlp.project(hidden)) @ model.W_U
        token = vocabulary.unsatisfiable if neuron is None else vocabulary.satisfiable
        others = [other for other in range(vocabulary.d_vocab) if other != token]
        leads = logits[:, [token]] - logits[:, others]
        assert (leads >= (off if neuron is None else single[neuron]) - 1e-4).all()
    pushes = answer_pushes(PROBLEM, block)
    assert torch.allclose(single[1] - single[0], levels[1] * pushes[1] - levels[0] * pushes[0])


def test_violations_and_satisfiability_are_those_of_the_truth_tables() -> None:
    words = truth_tables(PROBLEM, EVERY.numpy())
    truth = torch.from_numpy(unpack_truth_tables(words, PROBLEM.n_variables))
    assert violates(EVERY, falsified_by(PROBLEM, NEURONS)).equal(~truth)
    assert is_satisfiable(PROBLEM, EVERY).equal(truth.any(dim=1))


def test_every_entry_of_the_tables_has_a_gradient(model: Transformer) -> None:
    tables = first_block(model, PROBLEM)
    block = second_block(model, tables, NEURONS)
    bounds = neuron_bounds(block, falsified_by(PROBLEM, NEURONS))
    off, single = answer_margins(PROBLEM, block, torch.ones(len(NEURONS)))
    parts = (tables.own_gap, tables.colon_gap, bounds.lower, bounds.upper, off, single)
    torch.stack([part.sum() for part in parts]).sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.any(), name
