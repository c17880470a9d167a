"""Inputs, tokens and answers of addition modulo p."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.modular_addition.problem import ModularAddition

MODULI = st.integers(5, 40)


@given(p=MODULI)
def test_a_pair_is_found_at_its_index(p: int) -> None:
    problem = ModularAddition(p=p)
    pairs = problem.all_pairs()
    assert pairs.shape == (problem.n_pairs, 2)
    assert (pairs[:, 0] * p + pairs[:, 1]).tolist() == list(range(p * p))
    chosen = torch.tensor([3, p * p - 1])
    assert problem.pairs(chosen).equal(pairs[chosen])


@given(p=MODULI)
def test_an_input_is_read_as_a_b_equals_and_every_token_is_in_the_vocabulary(p: int) -> None:
    problem = ModularAddition(p=p)
    tokens = problem.tokens(problem.all_pairs())
    assert tokens.shape == (p * p, problem.n_ctx)
    assert tokens[:, :2].equal(problem.all_pairs())
    assert set(tokens[:, 2].tolist()) == {problem.equals_token}
    assert int(tokens.max()) == problem.d_vocab - 1


@given(p=MODULI)
def test_every_number_is_the_answer_equally_often(p: int) -> None:
    problem = ModularAddition(p=p)
    answers = problem.answers(problem.all_pairs())
    assert answers.bincount().tolist() == [p] * p


@given(p=MODULI)
def test_answers_do_not_depend_on_the_order_of_the_numbers(p: int) -> None:
    problem = ModularAddition(p=p)
    pairs = problem.all_pairs()
    assert problem.answers(pairs).equal(problem.answers(pairs.flip(1)))


@pytest.mark.parametrize("p", [4, 0, -7, 7.0, 113.5, "113", True, None])
def test_a_modulus_that_is_too_small_or_no_integer_is_refused(p: object) -> None:
    with pytest.raises(MechvalError, match=r"problem\.p=.*allowed: an integer from 5 to 499\."):
        parse_config(ModularAddition, {"p": p}, "problem")


def test_a_composite_modulus_is_allowed() -> None:
    assert ModularAddition(p=12).d_vocab == 13
