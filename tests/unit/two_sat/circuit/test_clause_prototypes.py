"""Clause prototypes, against a computation pair by pair, head by head."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.transformer import Architecture, Transformer, named_weights
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.circuit.nearest_prototype import nearest_prototype
from mechval.two_sat.problem import Problem
from tests.networks import random_network
from tests.plain_transformer import softmax

SMALLEST = Problem(n_variables=3, n_clauses=4)


def plain_prototype(model: Transformer, first: int, second: int) -> np.ndarray:
    """The mean over clauses of block 0 at position 4i + 2, which sees 4i + 1 and itself only."""
    weights = {name: weight.double().numpy() for name, weight in named_weights(model).items()}
    q, k, v, o = (weights[f"blocks.0.attn.W_{letter}"] for letter in "QKVO")
    found = []
    for clause in range(SMALLEST.n_clauses):
        position = 4 * clause + 2
        here = weights["embed.W_E"][second] + weights["pos_embed.W_pos"][position]
        before = weights["embed.W_E"][first] + weights["pos_embed.W_pos"][position - 1]
        resid = here.copy()
        for head in range(len(q)):
            scores = [(here @ q[head]) @ (seen @ k[head]) for seen in (before, here)]
            shares = softmax(np.array(scores) / np.sqrt(q.shape[-1]))
            resid += (shares[0] * (before @ v[head]) + shares[1] * (here @ v[head])) @ o[head]
        hidden = np.maximum(resid @ weights["blocks.0.mlp.W_in"] + weights["blocks.0.mlp.b_in"], 0)
        written = hidden @ weights["blocks.0.mlp.W_out"] + weights["blocks.0.mlp.b_out"]
        found.append(resid + written)
    return np.mean(found, axis=0)


@pytest.mark.parametrize("n_heads", [(1, 2), (4, 2)], ids=["one head", "four heads"])
def test_prototypes_are_block_0_attending_to_its_own_clause_only(n_heads: tuple[int, int]) -> None:
    architecture = Architecture(d_model=16, d_mlp=24, n_heads=n_heads)
    model = random_network(SMALLEST, seed=1, architecture=architecture)
    plain = [plain_prototype(model, first, second) for first in range(6) for second in range(6)]
    found = clause_prototypes(model.double(), SMALLEST).numpy()
    np.testing.assert_allclose(found, np.stack(plain), atol=1e-10)


@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_a_scaled_prototype_is_nearest_to_itself(seed: int, scale: float) -> None:
    prototypes = torch.randn(36, 16, generator=torch.Generator().manual_seed(seed))
    found = nearest_prototype(scale * prototypes[None], prototypes)
    assert found.tolist() == [list(range(36))]


def test_nearness_does_not_see_the_length_of_a_prototype() -> None:
    prototypes = torch.tensor([[1.0, 0.0], [10.0, 10.0]])
    assert nearest_prototype(torch.tensor([[[3.0, 0.5]]]), prototypes).tolist() == [[0]]
