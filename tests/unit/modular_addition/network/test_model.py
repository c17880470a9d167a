"""The short forward pass at ``=`` is the network's own."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.network.model import (
    all_logits,
    load_network,
    logits_at_equals,
    make_network,
)
from mechval.modular_addition.network.training import judge_answers
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer, save_weights
from tests.settings import MODULAR_ADDITION

CPU = torch.device("cpu")
ARCHITECTURE = Architecture(d_model=16, d_mlp=24, n_heads=(4,))
PROBLEM = ModularAddition(p=7)


def random_network(problem: ModularAddition, n_heads: int = 4, seed: int = 0) -> Transformer:
    model = make_network(problem, Architecture(d_model=16, d_mlp=24, n_heads=(n_heads,)))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            # Attention far from uniform, biases far from zero.
            parameter.normal_(0, 0.7, generator=generator)
    return model


@given(p=st.integers(5, 14), n_heads=st.sampled_from([1, 2, 4]), seed=st.integers(0, 99))
def test_logits_at_equals_are_those_of_the_full_forward_pass(
    p: int, n_heads: int, seed: int
) -> None:
    problem = ModularAddition(p=p)
    model = random_network(problem, n_heads, seed).double()
    pairs = problem.all_pairs()
    with torch.no_grad():
        expected = model(problem.tokens(pairs))[:, -1]
        found = logits_at_equals(problem, model, pairs)
    torch.testing.assert_close(found, expected)


def test_gradients_are_those_of_the_full_forward_pass() -> None:
    model = random_network(PROBLEM).double()
    pairs = PROBLEM.all_pairs()[::3]
    expected = gradients(model, model(PROBLEM.tokens(pairs))[:, -1])
    found = gradients(model, logits_at_equals(PROBLEM, model, pairs))
    assert expected.keys() == found.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], msg=name)


def gradients(model: Transformer, logits: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    logits.square().sum().backward()
    return {
        name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None
    }


def test_a_network_that_ignores_its_positions_is_told_apart() -> None:
    model = random_network(PROBLEM)
    pairs = torch.tensor([[1, 2], [2, 1]])
    with torch.no_grad():
        first, second = logits_at_equals(PROBLEM, model, pairs)
        model.W_pos[1].copy_(model.W_pos[0])
        same, again = logits_at_equals(PROBLEM, model, pairs)
    assert not torch.allclose(first, second, atol=1e-3)
    torch.testing.assert_close(same, again)


def test_errors_are_counted_on_the_part_they_are_in() -> None:
    split = draw_split(PROBLEM, MODULAR_ADDITION.data, 0)
    model = random_network(PROBLEM)
    logits, answers = all_logits(PROBLEM, model)
    wrong = (logits.argmax(dim=-1) != answers).nonzero().flatten().tolist()
    assert 0 < len(wrong) < PROBLEM.n_pairs
    expected = {
        "train": len({*wrong} & {*split.train.tolist()}),
        "test": len({*wrong} & {*split.test.tolist()}),
    }
    found = judge_answers(PROBLEM, model, split)
    assert {"train": found.train.wrong_count, "test": found.test.wrong_count} == expected
    assert found.wrong_count == len(wrong)


def test_a_hooked_network_is_not_run_short() -> None:
    model = random_network(PROBLEM)
    unchanged = [("blocks.0.attn.hook_pattern", lambda value, hook: value)]
    with model.hooks(unchanged), pytest.raises(ValueError, match="without hook functions"):
        logits_at_equals(PROBLEM, model, PROBLEM.all_pairs())


def test_stored_weights_come_back(tmp_path: Path) -> None:
    model = random_network(PROBLEM)
    save_weights(model, tmp_path / "weights.safetensors")
    loaded = load_network(PROBLEM, ARCHITECTURE, tmp_path / "weights.safetensors")
    assert all_logits(PROBLEM, loaded)[0].equal(all_logits(PROBLEM, model)[0])
