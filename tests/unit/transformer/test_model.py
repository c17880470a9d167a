"""The network computes what its description says, under the names it promises."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer, answer_logits, named_weights
from tests.plain_transformer import plain_logits
from tests.settings import TWO_SAT

D_VOCAB, N_CTX = 7, 6
ARCHITECTURES = st.sampled_from(
    [
        Architecture(d_model=8, d_mlp=8, n_heads=(1, 4)),
        Architecture(d_model=12, d_mlp=9, n_heads=(3, 2)),
        Architecture(d_model=16, d_mlp=20, n_heads=(4, 1)),
    ]
)


def network(
    architecture: Architecture, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Transformer:
    model = Transformer(architecture, d_vocab=D_VOCAB, n_ctx=N_CTX)
    model.initialise(torch.Generator().manual_seed(seed))
    with torch.no_grad():
        # Biases start at 0, where a forgotten one would not be noticed.
        for index in range(len(model.blocks)):
            mlp = model.block(index).mlp
            mlp.b_in.normal_(generator=torch.Generator().manual_seed(seed + 1))
            mlp.b_out.normal_(generator=torch.Generator().manual_seed(seed + 2))
    return model.to(dtype)


def tokens(seed: int, batch: int = 3, n_ctx: int = N_CTX) -> torch.Tensor:
    return torch.randint(D_VOCAB, (batch, n_ctx), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15)
@given(architecture=ARCHITECTURES, seed=st.integers(0, 1000))
def test_the_forward_pass_is_the_plain_one(architecture: Architecture, seed: int) -> None:
    model, inputs = network(architecture, seed), tokens(seed)
    plain = plain_logits(named_weights(model), inputs)
    np.testing.assert_allclose(model(inputs).detach().numpy(), plain, atol=1e-10)


@settings(max_examples=25)
@given(architecture=ARCHITECTURES, seed=st.integers(0, 1000))
def test_answer_logits_are_those_of_the_full_forward_pass(
    architecture: Architecture, seed: int
) -> None:
    model, inputs = network(architecture, seed), tokens(seed)
    fast = answer_logits(model, inputs, torch.float64)
    torch.testing.assert_close(fast, model(inputs)[:, -1], atol=1e-10, rtol=1e-10)


def test_answer_logits_have_the_gradients_of_the_full_forward_pass() -> None:
    model, inputs = network(Architecture(d_model=12, d_mlp=9, n_heads=(3, 2))), tokens(0)
    parameters = list(model.parameters())
    fast = torch.autograd.grad(
        answer_logits(model, inputs, torch.float64).square().sum(), parameters
    )
    full = torch.autograd.grad(model(inputs)[:, -1].square().sum(), parameters)
    for ours, theirs in zip(fast, full, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


def test_answer_logits_refuse_a_network_that_has_not_two_blocks() -> None:
    model = network(Architecture(d_model=8, d_mlp=8, n_heads=(2,)))
    with pytest.raises(ValueError, match="2 blocks, not 1"):
        answer_logits(model, tokens(0), torch.float64)


@settings(max_examples=20)
@given(position=st.integers(1, N_CTX - 1), token=st.integers(0, D_VOCAB - 1))
def test_a_token_has_no_effect_on_earlier_positions(position: int, token: int) -> None:
    model, inputs = network(Architecture(d_model=8, d_mlp=8, n_heads=(1, 4))), tokens(0)
    changed = inputs.clone()
    changed[:, position] = token
    earlier = slice(0, position)
    torch.testing.assert_close(model(changed)[:, earlier], model(inputs)[:, earlier])


def test_a_token_has_an_effect_on_later_positions() -> None:
    model, inputs = network(Architecture(d_model=8, d_mlp=8, n_heads=(1, 4))), tokens(0)
    changed = inputs.clone()
    changed[:, 0] = (inputs[:, 0] + 1) % D_VOCAB
    assert not torch.isclose(model(changed)[:, 1:], model(inputs)[:, 1:]).all(dim=-1).any()


def test_attention_from_chosen_positions_is_a_part_of_that_from_all() -> None:
    model = network(Architecture(d_model=8, d_mlp=8, n_heads=(2, 4)))
    resid, chosen = model.embed(tokens(0)), torch.tensor([4, 1])
    attn = model.block(0).attn
    torch.testing.assert_close(attn(resid, chosen), attn(resid)[:, chosen])


@pytest.mark.parametrize("hook", [None, "q", "k", "v", "attn_scores", "pattern", "z"])
def test_attention_from_few_positions_is_that_of_the_forward_pass(hook: str | None) -> None:
    model = network(Architecture(d_model=8, d_mlp=8, n_heads=(2, 4)))
    resid, chosen = model.embed(tokens(0)), torch.tensor([4, 1])
    attn = model.block(1).attn
    with model.hooks([(f"blocks.1.attn.hook_{hook}", lambda t, hook: t.tanh())] if hook else []):
        scores, pattern, out = attn.attend_from(resid, chosen)
        torch.testing.assert_close(out, attn(resid, chosen))
        torch.testing.assert_close(pattern, attn.pattern(resid, chosen))
    if hook != "pattern":
        torch.testing.assert_close(pattern, scores.softmax(dim=-1))


def test_attention_sums_to_one_over_what_it_may_see() -> None:
    model = network(Architecture(d_model=8, d_mlp=8, n_heads=(2, 4)))
    pattern = model.block(0).attn.pattern(model.embed(tokens(0)))
    torch.testing.assert_close(pattern.tril().sum(dim=-1), torch.ones_like(pattern[..., 0]))


def test_weights_have_transformer_lens_names_and_shapes() -> None:
    model = network(Architecture(d_model=8, d_mlp=10, n_heads=(1, 4)))
    shapes = {name: tuple(weight.shape) for name, weight in named_weights(model).items()}
    mlp = {"W_in": (8, 10), "b_in": (10,), "W_out": (10, 8), "b_out": (8,)}
    expected = {"embed.W_E": (7, 8), "pos_embed.W_pos": (6, 8), "unembed.W_U": (8, 7)}
    for block, heads, d_head in ((0, 1, 8), (1, 4, 2)):
        attn = {f"W_{letter}": (heads, 8, d_head) for letter in "QKV"}
        attn["W_O"] = (heads, d_head, 8)
        expected |= {f"blocks.{block}.attn.{name}": shape for name, shape in attn.items()}
        expected |= {f"blocks.{block}.mlp.{name}": shape for name, shape in mlp.items()}
    assert shapes == expected


def test_the_published_sizes_have_403_840_parameters() -> None:
    model = Transformer(TWO_SAT.architecture, d_vocab=16, n_ctx=41)
    assert sum(parameter.numel() for parameter in model.parameters()) == 403_840


def test_initial_weights_have_the_published_spread() -> None:
    model = Transformer(TWO_SAT.architecture, d_vocab=16, n_ctx=41)
    model.initialise(torch.Generator().manual_seed(0))
    assert float(model.block(1).mlp.W_in.detach().std()) == pytest.approx(128**-0.5, rel=0.02)
    assert float(model.W_U.detach().std()) == pytest.approx(16**-0.5, rel=0.05)
    assert not model.block(1).mlp.b_in.any()


def test_the_same_seed_draws_the_same_weights() -> None:
    architecture = Architecture(d_model=8, d_mlp=8, n_heads=(1, 4))
    first, second = named_weights(network(architecture)), named_weights(network(architecture))
    assert all(first[name].equal(second[name]) for name in first)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"d_model": 4}, "d_model=4 is not allowed; allowed: an integer from 8 to 4096."),
        ({"n_heads": [1, 3]}, "every entry of n_heads=[1, 3] must divide d_model=128"),
        ({"n_heads": [0, 4]}, "every entry of n_heads=[0, 4] must divide d_model=128"),
        ({"n_heads": []}, "n_heads=[] is not allowed; allowed: a list"),
    ],
    ids=["too narrow", "not a divisor", "no head", "no block"],
)
def test_impossible_sizes_are_refused(values: dict, sentence: str) -> None:
    with pytest.raises(MechvalError) as refusal:
        parse_config(Architecture, {**TWO_SAT.architecture.model_dump(), **values})
    assert sentence in str(refusal.value)
