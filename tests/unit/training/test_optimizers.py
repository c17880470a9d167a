"""Which optimizer moves which weights, and how neurons are shortened."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import AdamW, Optimizer

from mechval.training.optimizers import (
    ChainedOptimizers,
    binding_matrices,
    make_optimizer,
    shrink_neurons,
)
from mechval.training.recipe import Recipe
from mechval.transformer import MLP, Transformer, named_weights
from tests.networks import SMALL_PROBLEM, random_network
from tests.unit.training.tiny import RECIPE

ADAMW = RECIPE.model_copy(update={"optimizer": "adamw"})


def step(model: Transformer, optimizer: Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def names_of(model: Transformer, parameters: list[torch.nn.Parameter]) -> set[str]:
    chosen = {id(parameter) for parameter in parameters}
    return {name for name, parameter in model.named_parameters() if id(parameter) in chosen}


def all_parameters(optimizer: Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def test_binding_matrices_are_attention_and_all_mlps_but_the_last() -> None:
    model = random_network(SMALL_PROBLEM)
    attention = {
        f"blocks.{block}.attn.{matrix}"
        for block in range(2)
        for matrix in ("query", "key", "value", "output")
    }
    mlp = {"blocks.0.mlp.W_in", "blocks.0.mlp.W_out"}
    assert names_of(model, binding_matrices(model)) == attention | mlp


@pytest.mark.parametrize("recipe", [RECIPE, ADAMW], ids=["muon", "adamw"])
def test_every_weight_is_trained_exactly_once(recipe: Recipe) -> None:
    model = random_network(SMALL_PROBLEM)
    trained = all_parameters(make_optimizer(model, recipe))
    assert sorted(map(id, trained)) == sorted(map(id, model.parameters()))


def test_frozen_weights_are_left_out() -> None:
    model = random_network(SMALL_PROBLEM)
    model.W_E.requires_grad_(False)
    assert "W_E" not in names_of(model, all_parameters(make_optimizer(model, ADAMW)))


def test_adamw_has_the_settings_of_the_recipe() -> None:
    (group,) = make_optimizer(random_network(SMALL_PROBLEM), ADAMW).param_groups
    found = (group["lr"], group["weight_decay"], tuple(group["betas"]))
    assert found == (ADAMW.learning_rate, ADAMW.weight_decay, ADAMW.betas)


def test_epsilon_is_that_of_the_recipe_or_the_usual_one() -> None:
    model = random_network(SMALL_PROBLEM)
    (usual,) = make_optimizer(model, ADAMW).param_groups
    (other,) = make_optimizer(model, ADAMW.model_copy(update={"epsilon": 1e-3})).param_groups
    assert (usual["eps"], other["eps"]) == (1e-8, 1e-3)


def test_a_large_epsilon_lets_weight_decay_win_over_small_gradients() -> None:
    shrunk = []
    for epsilon in (None, 1.0):
        model = random_network(SMALL_PROBLEM)
        recipe = ADAMW.model_copy(update={"epsilon": epsilon, "weight_decay": 1.0})
        optimizer = make_optimizer(model, recipe)
        before = model.W_E.detach().clone()
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, -1e-6)
        optimizer.step()
        shrunk.append(bool((model.W_E.detach().abs() < before.abs()).all()))
    assert shrunk == [False, True]


def test_a_chain_survives_a_round_trip_of_its_state() -> None:
    model = random_network(SMALL_PROBLEM)
    optimizer = make_optimizer(model, RECIPE)
    assert isinstance(optimizer, ChainedOptimizers)
    for seed in range(2):
        step(model, optimizer, seed)
    other = copy.deepcopy(model)
    resumed = make_optimizer(other, RECIPE)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(model, optimizer, 2)
    step(other, resumed, 2)
    expected, found = named_weights(model), named_weights(other)
    assert all(found[name].equal(expected[name]) for name in expected)


def test_a_chain_without_its_state_goes_elsewhere() -> None:
    model = random_network(SMALL_PROBLEM)
    optimizer = make_optimizer(model, RECIPE)
    step(model, optimizer, 0)
    other = copy.deepcopy(model)
    fresh = make_optimizer(other, RECIPE)
    step(model, optimizer, 1)
    step(other, fresh, 1)
    assert not other.W_E.equal(model.W_E)


def test_a_rate_set_on_a_resumed_chain_reaches_its_optimizers() -> None:
    model = random_network(SMALL_PROBLEM)
    optimizer = make_optimizer(model, RECIPE)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        group["weight_decay"] = 0.0
    before = model.W_E.detach().clone()
    step(model, optimizer, 0)
    assert model.W_E.equal(before)


def test_a_chain_runs_the_closure_once() -> None:
    model = random_network(SMALL_PROBLEM)
    calls = []

    def closure() -> float:
        calls.append(torch.is_grad_enabled())
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        return 0.5

    with torch.no_grad():
        loss = make_optimizer(model, RECIPE).step(closure)
    assert (loss, calls) == (0.5, [True])


def test_the_published_optimizer_is_adamw() -> None:
    assert isinstance(make_optimizer(random_network(SMALL_PROBLEM), ADAMW), AdamW)


def random_mlp(seed: int) -> MLP:
    mlp, generator = MLP(6, 10), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.normal_(generator=generator)
        # Lengths from very short to long, so that every amount meets both kinds.
        lengths = torch.logspace(-2, 1, 10)
        for matrix in (mlp.W_in, mlp.b_in, mlp.W_out.T):
            matrix.mul_(lengths)
    return mlp


def neurons(mlp: MLP) -> torch.Tensor:
    """Each hidden neuron's weights (in, bias and out) as one row."""
    return torch.cat([mlp.W_in.T, mlp.b_in[:, None], mlp.W_out], dim=1).detach().clone()


@given(seed=st.integers(0, 100), amount=st.floats(0.001, 50))
def test_a_neuron_shorter_than_the_amount_becomes_exactly_zero(seed: int, amount: float) -> None:
    mlp = random_mlp(seed)
    is_shorter = neurons(mlp).norm(dim=1) < amount * (1 - 1e-5)
    shrink_neurons(mlp, amount)
    assert not neurons(mlp)[is_shorter].any()


@given(seed=st.integers(0, 100), amount=st.floats(0, 50))
def test_every_other_neuron_is_shortened_by_the_amount(seed: int, amount: float) -> None:
    mlp = random_mlp(seed)
    before = neurons(mlp).norm(dim=1)
    shrink_neurons(mlp, amount)
    expected = (before - amount).clamp(min=0)
    torch.testing.assert_close(neurons(mlp).norm(dim=1), expected, atol=1e-4, rtol=1e-4)


@given(seed=st.integers(0, 100), amount=st.floats(0, 1))
def test_shortening_keeps_a_neurons_direction(seed: int, amount: float) -> None:
    mlp = random_mlp(seed)
    before = neurons(mlp)
    shrink_neurons(mlp, amount)
    after = neurons(mlp)
    lasting = after.norm(dim=1) > 1e-3
    cosine = torch.cosine_similarity(before[lasting], after[lasting])
    torch.testing.assert_close(cosine, torch.ones_like(cosine), atol=1e-5, rtol=0)


def test_a_neuron_of_length_zero_stays_zero() -> None:
    mlp = MLP(6, 10)
    shrink_neurons(mlp, 0.0)
    assert not neurons(mlp).any()


def test_the_bias_of_the_output_is_no_neuron() -> None:
    mlp = random_mlp(0)
    before = mlp.b_out.detach().clone()
    shrink_neurons(mlp, 100.0)
    assert mlp.b_out.equal(before)
