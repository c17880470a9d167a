"""The pieces of a proof: exact minima of fractions, lines below a ReLU, refusals."""

from itertools import product
from types import MethodType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing.first_block import read_first_block
from mechval.two_sat.certify.parsing.prover import certify_parsing
from mechval.two_sat.certify.parsing.ranges import Ranges, bound_after_mlp
from mechval.two_sat.certify.parsing.softmax_fractions import Fraction, minimise
from mechval.two_sat.problem import Problem
from tests.networks import SMALL_PROBLEM, random_network
from tests.parsing_networks import TINY_PROBLEM, parsing_network
from tests.settings import TWO_SAT


@given(seed=st.integers(0, 10_000), n_free=st.integers(0, 3))
def test_the_minimum_of_a_fraction_is_that_of_all_choices(seed: int, n_free: int) -> None:
    fraction, values = random_fraction(seed, n_free)
    found, least = minimise(fraction), values.min(axis=0)
    assert (found.bound <= least).all()
    np.testing.assert_allclose(found.bound, least, rtol=1e-6, atol=1e-6)


@given(seed=st.integers(0, 10_000))
def test_the_choice_of_a_minimum_attains_it(seed: int) -> None:
    fraction, values = random_fraction(seed, 3)
    choice = minimise(fraction).choice
    index = choice @ np.array([16, 4, 1])
    attained = np.take_along_axis(values, index[None], axis=0)[0]
    np.testing.assert_allclose(attained, values.min(axis=0), rtol=1e-12)


@given(seed=st.integers(0, 10_000))
def test_the_linear_bound_is_below_the_mlp_wherever_the_ranges_hold(seed: int) -> None:
    random = np.random.default_rng(seed)
    block = read_first_block(parsing_network(seed % 3), TINY_PROBLEM)
    points = random.normal(size=(40, len(block.W_in)))
    before = points @ block.W_in + block.b_in
    targets = random.normal(size=(len(block.W_in), 6))
    ranges = Ranges(before.min(axis=0), before.max(axis=0))
    bound = bound_after_mlp(block, ranges, targets)
    below = points @ bound.functional + bound.constant
    assert (below <= block.after_mlp(points) @ targets + 1e-9).all()
    assert ranges.is_unstable.any()


def test_a_network_with_layer_norm_is_refused() -> None:
    model = random_network(SMALL_PROBLEM)
    model.block(0).add_module("ln1", nn.LayerNorm(16))
    refused(model, "blocks.0.ln1 is a LayerNorm, outside the family")


def test_a_network_with_another_activation_is_refused() -> None:
    model = random_network(SMALL_PROBLEM)
    mlp = model.block(0).mlp
    mlp.hidden = MethodType(lambda self, x: nn.functional.gelu(x @ self.W_in + self.b_in), mlp)
    refused(model, "another activation than ReLU")


def test_a_hooked_network_is_refused() -> None:
    model = random_network(SMALL_PROBLEM)
    with model.hooks([("blocks.0.hook_attn_out", lambda tensor, hook: tensor)]):
        refused(model, "hook functions")


def test_a_network_for_other_formulas_is_refused() -> None:
    refused(random_network(SMALL_PROBLEM), "vocabulary and context", TINY_PROBLEM)


def test_a_prototype_without_direction_is_refused() -> None:
    model = parsing_network(0)
    with pytest.raises(MechvalError, match="prototypes hold one whose length is 0"):
        certify_parsing(model, TINY_PROBLEM, TWO_SAT.certify.parsing, torch.zeros(36, 32))


def refused(model: Transformer, match: str, problem: Problem = SMALL_PROBLEM) -> None:
    with pytest.raises(MechvalError, match=match):
        certify_parsing(model, problem, TWO_SAT.certify.parsing)


def random_fraction(seed: int, n_free: int) -> tuple[Fraction, np.ndarray]:
    """A fraction of 2 cases and 3 functionals, and its value at every choice (first axis)."""
    random = np.random.default_rng(seed)
    fraction = Fraction(
        fixed_numerator=random.normal(size=(2, 3)),
        fixed_denominator=random.uniform(0.1, 2, size=2),
        numerator=random.normal(size=(1, n_free, 4, 3)),
        denominator=random.uniform(0.01, 2, size=(n_free, 4)),
    )
    values = []
    for choice in product(range(4), repeat=n_free):
        chosen = [fraction.numerator[0, j, c] for j, c in enumerate(choice)]
        weights = [fraction.denominator[j, c] for j, c in enumerate(choice)]
        numerator = fraction.fixed_numerator + np.sum(chosen, axis=0)
        values.append(numerator / (fraction.fixed_denominator + np.sum(weights))[:, None])
    return fraction, np.array(values)
