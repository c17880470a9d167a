"""Bounds of the theorem hold what happens: sampled formulas on networks whose attention strays."""

from copy import deepcopy
from fractions import Fraction

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.certify.theorem import balls, neurons, second_block
from mechval.two_sat.certify.theorem.first_block import EnteredBlock
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.components import Components
from tests.theorem_networks import FIVE, proper_network

EXACT = 1e-12
"""Rounding of the forward pass in float64."""
SCATTERED = (0.15, 0.3, 0.6)
"""Scales of block 0's queries: the smaller, the more attention strays."""


def scattered_network(scale: float, seed: int) -> Transformer:
    """A proper network that looks around."""
    model = proper_network(FIVE, seed, noise=0.03)
    with torch.no_grad():
        model.block(0).attn.query.mul_(scale)
        model.block(1).attn.query.mul_(0.3)
    return model


def sampled(n: int = 400) -> Int[Tensor, "formula clause_position"]:
    """Formulas, half of them with one clause in most places."""
    generator = torch.Generator().manual_seed(0)
    formulas = torch.randint(FIVE.n_distinct_clauses, (n, FIVE.n_clauses), generator=generator)
    formulas[: n // 2, 1:4] = formulas[: n // 2, :1]
    return formulas


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scale", SCATTERED)
@torch.no_grad()
def test_states_scores_and_neurons_of_formulas_lie_within_their_bounds(
    scale: float, seed: int
) -> None:
    model, formulas = scattered_network(scale, seed), sampled()
    entered = EnteredBlock(model, FIVE)
    read = entered.read()
    resid = Components(deepcopy(model).double(), FIVE).parse(encode_formulas(FIVE, formulas))
    for k, position in enumerate(entered.layout.second_literal_positions):
        ball = read.clauses[k, formulas[:, k]]
        assert ((resid[:, position] - ball.mid).abs() <= ball.rad + EXACT).all()
    assert ((resid[:, -1] - read.colon.mid).abs() <= read.colon.rad + EXACT).all()
    unread = second_block.Unread(entered)
    functional = balls.exact(torch.randn(3, 40, generator=torch.Generator().manual_seed(seed)))
    highest = unread.highest_scores(functional)
    tokens = encode_formulas(FIVE, formulas)
    for case, (position, token) in enumerate(
        zip(unread.position.tolist(), unread.token.tolist(), strict=True)
    ):
        found = resid[tokens[:, position] == token, position] @ functional.mid.T
        assert (found <= highest[case] + EXACT).all()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scale", SCATTERED)
@torch.no_grad()
def test_neurons_of_formulas_lie_within_their_ranges(scale: float, seed: int) -> None:
    model, formulas = scattered_network(scale, seed), sampled()
    entered = EnteredBlock(model, FIVE)
    sums = second_block.own_sums(entered, entered.read())
    evaluators = neurons.find_evaluators(entered, sums)
    ranges = neurons.neuron_ranges(sums, evaluators)
    assert evaluators.neuron.tolist() == list(range(8))
    assert ranges.highest.isfinite().all()
    assert (sums.moved >= 0).all()
    components = Components(deepcopy(model).double(), FIVE)
    resid = components.parse(encode_formulas(FIVE, formulas))
    mid = resid[:, -1] + components.answer_attention(resid)
    mlp = components.model.block(1).mlp
    active = (mid @ mlp.W_in + mlp.b_in)[:, evaluators.neuron]
    broken = evaluators.falsified[:, formulas].any(2).T
    assert (active <= ranges.highest + EXACT).all()
    assert (active[~broken] >= ranges.on.expand_as(active)[~broken] - EXACT).all()
    assert (active[broken] <= ranges.off.expand_as(active)[broken] + EXACT).all()


def test_an_exponential_of_a_wide_ball_is_positive() -> None:
    wide = balls.between(torch.tensor([-3.0]).double(), torch.tensor([4.0]).double()).exp()
    assert 0 < float(wide.least) < 0.0498
    assert float(wide.upper) > 54.59


def test_balls_hold_exact_results() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(7, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    product = balls.exact(first) @ balls.exact(second)
    inverse = balls.reciprocal(balls.exact(first.abs() + 0.1))
    for i in range(7):
        for j in range(7):
            true = sum(
                (Fraction(float(first[i, k])) * Fraction(float(second[k, j])) for k in range(7)),
                Fraction(0),
            )
            assert Fraction(float(product.lower[i, j])) <= true
            assert true <= Fraction(float(product.upper[i, j]))
            divisor = Fraction(float(first.abs()[i, j] + 0.1))
            assert Fraction(float(inverse.lower[i, j])) * divisor <= 1
            assert Fraction(float(inverse.upper[i, j])) * divisor >= 1
