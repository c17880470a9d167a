"""The TransformerLens export is the same network, by a forward pass written here alone."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer, named_weights
from mechval.transformer.export import save_transformer_lens, to_transformer_lens
from mechval.two_sat.formulas.tokens import encode_formulas
from tests.networks import PUBLISHED_PROBLEM, published_network

D_VOCAB, N_CTX = 7, 6
TOKENS = torch.randint(D_VOCAB, (4, N_CTX), generator=torch.Generator().manual_seed(0))
EQUAL_HEADS = (2,)
EMBEDDED = (1, 4)
ARCHITECTURES = [EQUAL_HEADS, (4, 4), EMBEDDED, (4, 1, 16), (2, 8)]


def network(n_heads: tuple[int, ...]) -> Transformer:
    model = Transformer(
        Architecture(d_model=16, d_mlp=20, n_heads=n_heads), d_vocab=D_VOCAB, n_ctx=N_CTX
    )
    generator = torch.Generator().manual_seed(0)
    model.initialise(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.normal_(generator=generator)
    return model


def transformer_lens_logits(
    config: dict, state: dict[str, Tensor], tokens: Tensor, dtype: torch.dtype
) -> np.ndarray:
    """What TransformerLens computes from these weights: one head width, biases everywhere."""
    w = {name: tensor.to(dtype) for name, tensor in state.items()}
    future = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
    resid = w["embed.W_E"][tokens] + w["pos_embed.W_pos"][: tokens.shape[1]]
    for layer in range(config["n_layers"]):
        a, m = f"blocks.{layer}.attn.", f"blocks.{layer}.mlp."
        q, k, v = (
            torch.einsum("bpd,nde->bpne", resid, w[f"{a}W_{letter}"]) + w[f"{a}b_{letter}"]
            for letter in "QKV"
        )
        assert q.shape[2:] == (config["n_heads"], config["d_head"])
        scores = torch.einsum("bqne,bkne->bnqk", q, k) / config["attn_scale"]
        pattern = scores.masked_fill(future, -torch.inf).softmax(dim=-1)
        z = torch.einsum("bnqk,bkne->bqne", pattern, v)
        resid = resid + torch.einsum("bqne,ned->bqd", z, w[f"{a}W_O"]) + w[f"{a}b_O"]
        hidden = torch.relu(resid @ w[f"{m}W_in"] + w[f"{m}b_in"])
        resid = resid + hidden @ w[f"{m}W_out"] + w[f"{m}b_out"]
    return (resid @ w["unembed.W_U"] + w["unembed.b_U"]).numpy()


@pytest.mark.parametrize("n_heads", ARCHITECTURES)
def test_the_exported_network_gives_the_same_logits(n_heads: tuple[int, ...]) -> None:
    model = network(n_heads)
    config, state = to_transformer_lens(model)
    exported = transformer_lens_logits(config, state, TOKENS, torch.float64)
    ours = model.double()(TOKENS).detach().numpy()
    np.testing.assert_allclose(exported, ours, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_the_published_network_survives_the_export(published_checkpoint: Path) -> None:
    model = published_network(published_checkpoint)
    clause_ids = torch.randint(40, (16, 10), generator=torch.Generator().manual_seed(0))
    tokens = encode_formulas(PUBLISHED_PROBLEM, clause_ids)
    config, state = to_transformer_lens(model)
    exported = transformer_lens_logits(config, state, tokens, torch.float64)
    ours = model.double()(tokens).detach().numpy()
    np.testing.assert_allclose(exported, ours, rtol=0, atol=1e-10)


def test_a_query_left_unscaled_would_be_noticed() -> None:
    model = network(EMBEDDED)
    config, state = to_transformer_lens(model)
    state["blocks.1.attn.W_Q"] /= 2
    wrong = transformer_lens_logits(config, state, TOKENS, torch.float64)
    assert np.abs(wrong - model.double()(TOKENS).detach().numpy()).max() > 1e-3


def test_equal_heads_are_exported_as_they_are() -> None:
    model = network(EQUAL_HEADS)
    _, state = to_transformer_lens(model)
    assert all(state[name].equal(weight) for name, weight in named_weights(model).items())


def test_embedded_weights_are_the_own_ones_beside_zeros() -> None:
    model = network(EMBEDDED)
    _, state = to_transformer_lens(model)
    own = named_weights(model)
    for name in ("W_Q", "W_K", "W_V", "W_O"):
        wide, narrow = f"blocks.0.attn.{name}", f"blocks.1.attn.{name}"
        assert state[wide][:1].equal(own[wide])
        assert not state[wide][1:].any()
        kept = state[narrow][:, :4] if name == "W_O" else state[narrow][..., :4]
        assert kept.equal(own[narrow] * (2 if name == "W_Q" else 1))
        assert int(state[narrow].count_nonzero()) == int(own[narrow].count_nonzero())


def test_the_configuration_is_that_of_the_embedding() -> None:
    config, _ = to_transformer_lens(network(EMBEDDED))
    expected = {"n_layers": 2, "n_heads": 4, "d_head": 16, "d_mlp": 20, "n_ctx": N_CTX}
    assert {key: config[key] for key in expected} == expected
    assert config["attn_scale"] == math.sqrt(16)
    assert config["normalization_type"] is None


@pytest.mark.parametrize("n_heads", [EQUAL_HEADS, EMBEDDED])
def test_the_biases_that_the_network_lacks_are_zero(n_heads: tuple[int, ...]) -> None:
    model = network(n_heads)
    _, state = to_transformer_lens(model)
    added = state.keys() - named_weights(model).keys()
    biases = {f"blocks.{b}.attn.b_{x}" for b in range(len(n_heads)) for x in "QKVO"}
    assert added == biases | {"unembed.b_U"}
    assert not any(state[name].any() for name in added)


@pytest.mark.parametrize("n_heads", [(1, 2), (2, 16), (8, 1, 4)])
def test_heads_without_an_exact_embedding_are_refused(n_heads: tuple[int, ...]) -> None:
    with pytest.raises(MechvalError) as refusal:
        to_transformer_lens(network(n_heads))
    assert str(refusal.value) == (
        f"n_heads={list(n_heads)} cannot be exported exactly; allowed: "
        "head counts whose ratios are 1, 4, 16 and so on."
    )


def test_the_files_hold_the_export_in_the_same_bytes_each_time(tmp_path: Path) -> None:
    model = network(EMBEDDED)
    save_transformer_lens(model, tmp_path / "a")
    save_transformer_lens(model, tmp_path / "b")
    names = ("transformer_lens.safetensors", "transformer_lens.json")
    files = [[(tmp_path / folder / name).read_bytes() for name in names] for folder in "ab"]
    assert files[0] == files[1]
    config, state = to_transformer_lens(model)
    assert json.loads(files[0][1]) == config
    loaded = load_file(tmp_path / "a" / names[0])
    assert loaded.keys() == state.keys()
    assert all(loaded[name].equal(state[name]) for name in state)
