"""Hook points read and change exactly what they name, and leave nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer, answer_logits, named_weights
from mechval.transformer.hooks import HookPoint, hook_names

D_VOCAB, N_CTX = 7, 6
TWO_BLOCKS = Architecture(d_model=8, d_mlp=12, n_heads=(1, 4))
ONE_BLOCK = Architecture(d_model=8, d_mlp=12, n_heads=(2,))
TOKENS = torch.randint(D_VOCAB, (3, N_CTX), generator=torch.Generator().manual_seed(0))

PINNED_BLOCK = [
    "hook_resid_pre",
    "attn.hook_q",
    "attn.hook_k",
    "attn.hook_v",
    "attn.hook_attn_scores",
    "attn.hook_pattern",
    "attn.hook_z",
    "hook_attn_out",
    "hook_resid_mid",
    "mlp.hook_pre",
    "mlp.hook_post",
    "hook_mlp_out",
    "hook_resid_post",
]


def network(architecture: Architecture = TWO_BLOCKS) -> Transformer:
    model = Transformer(architecture, d_vocab=D_VOCAB, n_ctx=N_CTX)
    model.initialise(torch.Generator().manual_seed(0))
    return model.double()


@pytest.mark.parametrize("architecture", [ONE_BLOCK, TWO_BLOCKS])
def test_the_names_are_the_pinned_ones_in_their_order(architecture: Architecture) -> None:
    n_blocks = len(architecture.n_heads)
    expected = ["hook_embed", "hook_pos_embed"]
    for block in range(n_blocks):
        expected += [f"blocks.{block}.{name}" for name in PINNED_BLOCK]
    assert list(network(architecture).hook_names) == expected == list(hook_names(n_blocks))


@pytest.mark.parametrize("architecture", [ONE_BLOCK, TWO_BLOCKS])
def test_a_forward_pass_reaches_every_hook_point_once_in_that_order(
    architecture: Architecture,
) -> None:
    model, reached = network(architecture), []

    def note(tensor: Tensor, hook: HookPoint) -> None:
        reached.append(hook.name)

    model.run_with_hooks(TOKENS, [(name, note) for name in reversed(model.hook_names)])
    assert reached == list(model.hook_names)


def test_there_are_no_other_hook_points() -> None:
    model = network()
    points = {name for name, part in model.named_modules() if isinstance(part, HookPoint)}
    assert points == set(model.hook_names)


def test_hook_points_hold_no_weights() -> None:
    assert not any("hook" in name for name in network().state_dict())


def test_the_cache_has_the_shapes_of_transformer_lens() -> None:
    _, cache = network().run_with_cache(TOKENS)
    stream, per_head, square = (3, N_CTX, 8), (3, N_CTX, 4, 2), (3, 4, N_CTX, N_CTX)
    expected = {
        **dict.fromkeys(("hook_embed", "hook_pos_embed"), stream),
        **{f"blocks.1.attn.hook_{letter}": per_head for letter in "qkvz"},
        **{f"blocks.0.attn.hook_{letter}": (3, N_CTX, 1, 8) for letter in "qkvz"},
        "blocks.0.attn.hook_pattern": (3, 1, N_CTX, N_CTX),
        **{f"blocks.1.attn.hook_{name}": square for name in ("attn_scores", "pattern")},
        **{f"blocks.1.mlp.hook_{name}": (3, N_CTX, 12) for name in ("pre", "post")},
        **{
            f"blocks.1.hook_{name}": stream
            for name in ("resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post")
        },
    }
    assert {name: tuple(cache[name].shape) for name in expected} == expected
    assert list(cache) == list(network().hook_names)


@pytest.mark.parametrize("architecture", [ONE_BLOCK, TWO_BLOCKS])
def test_the_cache_says_what_each_name_means(architecture: Architecture) -> None:
    model = network(architecture)
    logits, cache = model.run_with_cache(TOKENS)
    weights = named_weights(model)
    resid = cache["hook_embed"] + cache["hook_pos_embed"]
    for index, d_head in enumerate(8 // heads for heads in architecture.n_heads):
        block = {n.removeprefix(f"blocks.{index}."): tensor for n, tensor in cache.items()}
        mine = {n.removeprefix(f"blocks.{index}."): tensor for n, tensor in weights.items()}
        close = torch.testing.assert_close
        close(block["hook_resid_pre"], resid)
        for letter in "QKV":
            product = torch.einsum("bpd,hde->bphe", resid, mine[f"attn.W_{letter}"])
            close(block[f"attn.hook_{letter.lower()}"], product)
        scores = torch.einsum("bqhe,bkhe->bhqk", block["attn.hook_q"], block["attn.hook_k"])
        future = torch.ones(N_CTX, N_CTX, dtype=torch.bool).triu(1)
        scores = (scores / d_head**0.5).masked_fill(future, -torch.inf)
        close(block["attn.hook_attn_scores"], scores)
        close(block["attn.hook_pattern"], scores.softmax(dim=-1))
        z = torch.einsum("bhqk,bkhe->bqhe", block["attn.hook_pattern"], block["attn.hook_v"])
        close(block["attn.hook_z"], z)
        close(block["hook_attn_out"], torch.einsum("bphe,hed->bpd", z, mine["attn.W_O"]))
        close(block["hook_resid_mid"], resid + block["hook_attn_out"])
        pre = block["hook_resid_mid"] @ mine["mlp.W_in"] + mine["mlp.b_in"]
        close(block["mlp.hook_pre"], pre)
        close(block["mlp.hook_post"], pre.clamp(min=0))
        close(
            block["hook_mlp_out"],
            block["mlp.hook_post"] @ mine["mlp.W_out"] + mine["mlp.b_out"],
        )
        resid = block["hook_resid_mid"] + block["hook_mlp_out"]
        close(block["hook_resid_post"], resid)
    torch.testing.assert_close(logits, resid @ weights["unembed.W_U"])


@pytest.mark.parametrize("architecture", [ONE_BLOCK, TWO_BLOCKS])
def test_reading_does_not_change_the_logits(architecture: Architecture) -> None:
    model = network(architecture)
    assert model.run_with_cache(TOKENS)[0].equal(model(TOKENS))
    assert model.run_with_hooks(TOKENS, []).equal(model(TOKENS))


def test_a_named_part_of_the_cache_is_that_part_of_the_whole() -> None:
    model, names = network(), ["blocks.1.hook_resid_mid", "hook_embed"]
    _, part = model.run_with_cache(TOKENS, names)
    _, whole = model.run_with_cache(TOKENS)
    assert list(part) == names
    assert all(part[name].equal(whole[name]) for name in names)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("blocks.0.hook_in", "blocks.0.hook_resid_pre"),
        ("blocks.1.hook_out", "blocks.1.hook_resid_post"),
    ],
)
def test_an_alias_reads_what_its_name_reads(alias: str, name: str) -> None:
    _, cache = network().run_with_cache(TOKENS, [alias, name])
    assert cache[alias].equal(cache[name])


def zero(tensor: Tensor, hook: HookPoint) -> Tensor:
    return torch.zeros_like(tensor)


def zero_in_place(tensor: Tensor, hook: HookPoint) -> None:
    tensor.zero_()


def double(tensor: Tensor, hook: HookPoint) -> Tensor:
    return 2 * tensor


@pytest.mark.parametrize("name", hook_names(2))
def test_every_hook_point_can_change_the_logits(name: str) -> None:
    model = network()

    def disturb(tensor: Tensor, hook: HookPoint) -> Tensor:
        return tensor.roll(1, dims=-1)

    assert not torch.allclose(model.run_with_hooks(TOKENS, [(name, disturb)]), model(TOKENS))


def test_a_last_block_without_its_outputs_leaves_the_logits_of_its_input() -> None:
    model = network()
    silenced = [(f"blocks.1.{name}", zero) for name in ("hook_attn_out", "hook_mlp_out")]
    _, cache = model.run_with_cache(TOKENS)
    expected = cache["blocks.1.hook_resid_pre"] @ model.W_U
    assert model.run_with_hooks(TOKENS, silenced).equal(expected)


@torch.no_grad()
@pytest.mark.parametrize("name", hook_names(2))
def test_writing_into_a_tensor_reaches_no_weight_and_no_cached_tensor(name: str) -> None:
    model = network()
    weights, (_, before) = named_weights(model), model.run_with_cache(TOKENS)
    with model.hooks([(name, zero_in_place)]):
        _, cache = model.run_with_cache(TOKENS)
    earlier = model.hook_names[: model.hook_names.index(name)]
    assert all(cache[read].equal(before[read]) for read in earlier)
    assert not cache[name].any()
    assert all(named_weights(model)[key].equal(weight) for key, weight in weights.items())


def test_several_functions_of_one_name_are_called_in_their_order() -> None:
    model, name = network(), "blocks.0.hook_resid_post"

    def add_one(tensor: Tensor, hook: HookPoint) -> Tensor:
        return tensor + 1

    _, own = model.run_with_cache(TOKENS, [name])
    with model.hooks([(name, double)]), model.hooks([(name, add_one), ("blocks.0.hook_out", zero)]):
        assert not model.run_with_cache(TOKENS, [name])[1][name].any()
    with model.hooks([(name, double)]), model.hooks([(name, add_one)]):
        _, changed = model.run_with_cache(TOKENS, [name])
    assert changed[name].equal(2 * own[name] + 1)


def fail(tensor: Tensor, hook: HookPoint) -> None:
    raise RuntimeError("stop")


def run_and_fail(model: Transformer) -> None:
    model.run_with_hooks(TOKENS, [("hook_embed", double), ("blocks.1.hook_resid_mid", fail)])


def leave_a_context(model: Transformer) -> None:
    with model.hooks([("hook_embed", double), ("hook_embed", double)]):
        raise RuntimeError("stop")


@pytest.mark.parametrize("use", [run_and_fail, leave_a_context])
def test_nothing_is_left_after_an_error(use: Callable[[Transformer], Any]) -> None:
    model = network()
    logits = model(TOKENS)
    with pytest.raises(RuntimeError, match="stop"):
        use(model)
    assert not model.is_hooked
    assert model(TOKENS).equal(logits)


def test_leaving_an_inner_context_keeps_the_outer_functions() -> None:
    model = network()
    with model.hooks([("hook_embed", double)]):
        outer = model(TOKENS)
        model.run_with_cache(TOKENS)
        assert model(TOKENS).equal(outer)
        assert model.is_hooked
    assert not model(TOKENS).equal(outer)


def test_functions_of_one_network_do_not_reach_another() -> None:
    model, other = network(), network()
    with model.hooks([("hook_embed", zero)]):
        assert not other.is_hooked


def test_an_unknown_name_is_refused_with_the_valid_ones_and_sets_nothing() -> None:
    model = network()
    with pytest.raises(MechvalError) as refusal:
        model.run_with_hooks(TOKENS, [("hook_embed", zero), ("blocks.2.hook_resid_pre", zero)])
    assert str(refusal.value).startswith("hook 'blocks.2.hook_resid_pre' does not exist; allowed: ")
    assert all(name in str(refusal.value) for name in model.hook_names)
    assert not model.is_hooked


@pytest.mark.parametrize(
    "name", ["", "hook_in", "blocks.0", "blocks.0.attn", "blocks.0.attn.hook_in"]
)
def test_what_is_no_hook_name_is_refused(name: str) -> None:
    with pytest.raises(MechvalError, match="does not exist; allowed: hook_embed, "):
        network().run_with_cache(TOKENS, [name])


def test_a_function_that_changes_the_shape_is_refused() -> None:
    with pytest.raises(
        MechvalError, match=r"hook_embed returns shape \(3, 6\); allowed: \(3, 6, 8\)"
    ):
        network().run_with_hooks(TOKENS, [("hook_embed", lambda tensor, hook: tensor[..., 0])])


def test_the_fast_path_refuses_a_hooked_network() -> None:
    model = network()
    with model.hooks([("hook_embed", zero)]), pytest.raises(ValueError, match="without hook"):
        answer_logits(model, TOKENS, torch.float64)
