"""Checkpoints in the authors' layout: converted exactly, or refused; never executed."""

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import named_weights
from mechval.transformer.foreign_checkpoint import load_foreign_checkpoint
from mechval.transformer.weights import assign_weights, weight_views
from mechval.two_sat.formulas.tokens import encode_formulas
from tests.networks import (
    PUBLISHED_PROBLEM,
    SMALL_ARCHITECTURE,
    SMALL_PROBLEM,
    published_network,
    random_network,
)
from tests.plain_transformer import plain_foreign_logits

Weights = dict[str, Tensor]


def foreign_weights() -> Weights:
    """Random weights of the small network in the authors' layout, drawn without our code."""
    generator = torch.Generator().manual_seed(3)
    d_model, d_mlp, d_vocab, n_ctx = 16, 24, 12, 25
    shapes: dict[str, tuple[int, ...]] = {
        "embed.W_E": (d_model, d_vocab),
        "pos_embed.W_pos": (n_ctx, d_model),
        "unembed.W_U": (d_model, d_vocab),
    }
    for block, heads in enumerate((1, 2)):
        prefix = f"blocks.{block}"
        for letter in "QKV":
            shapes[f"{prefix}.attn.W_{letter}"] = (heads, d_model // heads, d_model)
        shapes[f"{prefix}.attn.W_O"] = (d_model, d_model)
        shapes[f"{prefix}.mlp.W_in"] = (d_mlp, d_model)
        shapes[f"{prefix}.mlp.b_in"] = (d_mlp,)
        shapes[f"{prefix}.mlp.W_out"] = (d_model, d_mlp)
        shapes[f"{prefix}.mlp.b_out"] = (d_model,)
    return {name: torch.randn(*shape, generator=generator) / 4 for name, shape in shapes.items()}


def save(content: Any, directory: Path) -> Path:
    torch.save(content, directory / "foreign.pth")
    return directory / "foreign.pth"


def formulas(n_formulas: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    size = (n_formulas, SMALL_PROBLEM.n_clauses)
    clause_ids = torch.randint(SMALL_PROBLEM.n_distinct_clauses, size, generator=generator)
    return encode_formulas(SMALL_PROBLEM, clause_ids)


def test_a_converted_network_gives_the_logits_of_the_foreign_layout(tmp_path: Path) -> None:
    weights = foreign_weights()
    model = random_network(SMALL_PROBLEM, architecture=SMALL_ARCHITECTURE)
    load_foreign_checkpoint(model, save({"model": weights}, tmp_path))
    tokens = formulas(4)
    ours = model.double()(tokens).detach().numpy()
    np.testing.assert_allclose(ours, plain_foreign_logits(weights, tokens), atol=1e-10)


def in_lens(weights: Weights) -> Weights:
    """The same network as TransformerLens stores it, with its masks and its biases, all zero."""
    model = random_network(SMALL_PROBLEM, architecture=SMALL_ARCHITECTURE)
    for name, view in weight_views(model).items():
        weight = weights[name]
        if name.endswith(("W_Q", "W_K", "W_V")):
            view.copy_(weight.transpose(1, 2))
        elif name.endswith("W_O"):
            view.copy_(weight.T.reshape(view.shape))
        else:
            view.copy_(weight.T if name.endswith(("W_E", "W_in", "W_out")) else weight)
    more = {"blocks.0.attn.b_Q": torch.zeros(1, 16), "unembed.b_U": torch.zeros(12)}
    return {**named_weights(model), **more, "blocks.0.attn.IGNORE": torch.tensor(-torch.inf)}


def wrapped(prefix: str) -> Callable[[Weights], object]:
    return lambda weights: {"model": {prefix + name: w for name, w in weights.items()}}


def bare(weights: Weights) -> object:
    return weights


def as_lightning(weights: Weights) -> object:
    state = {f"model.{name}": weight for name, weight in weights.items()}
    return {"state_dict": state, "epoch": 3, "global_step": 10, "callbacks": {}, "loops": {"a": 1}}


def as_own_lightning(weights: Weights) -> object:
    model = random_network(SMALL_PROBLEM, architecture=SMALL_ARCHITECTURE)
    model.load_state_dict(own_state(weights))
    return {"state_dict": {f"model.{n}": w for n, w in model.state_dict().items()}}


def own_state(weights: Weights) -> Weights:
    model = random_network(SMALL_PROBLEM, architecture=SMALL_ARCHITECTURE)
    assign_weights(model, {n: w for n, w in in_lens(weights).items() if n in weights}, "test")
    return dict(model.state_dict())


KINDS = {
    "original": (lambda weights: {"model": weights}, "the original grokking code's layout"),
    "TransformerLens": (in_lens, "TransformerLens layout"),
    "parallel": (wrapped("module."), "the original"),
    "compiled": (wrapped("_orig_mod."), "the original"),
    "compiled and parallel": (wrapped("_orig_mod.module."), "the original"),
    "bare": (bare, "the original"),
    "Lightning": (as_lightning, "the original"),
    "our Lightning": (as_own_lightning, "this project's layout"),
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_checkpoint_gives_the_same_network_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, suffix: str
) -> None:
    make, told = KINDS[kind]
    content: Any = make(foreign_weights())
    path = tmp_path / f"any{suffix}"
    if suffix == ".pth":
        torch.save(content, path)
    else:
        tensors = content.get("model", content.get("state_dict", content))
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    model = random_network(SMALL_PROBLEM, architecture=SMALL_ARCHITECTURE)
    caplog.set_level("INFO")
    load_foreign_checkpoint(model, path)
    expected = own_state(foreign_weights())
    assert all(weight.equal(expected[name]) for name, weight in model.state_dict().items())
    assert told in caplog.text


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, precision: torch.dtype
) -> None:
    halved = {name: weight.to(precision) for name, weight in foreign_weights().items()}
    model = random_network(SMALL_PROBLEM, architecture=SMALL_ARCHITECTURE)
    caplog.set_level("INFO")
    load_foreign_checkpoint(model, save({"model": halved}, tmp_path))
    assert model.W_U.dtype == torch.float32
    assert model.W_U.equal(halved["unembed.W_U"].float())
    assert str(precision).removeprefix("torch.") in caplog.text


def test_a_header_that_claims_terabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "any.safetensors"
    header = b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(MechvalError, match="is refused"):
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), path)


def test_causal_masks_in_a_checkpoint_are_ignored(tmp_path: Path) -> None:
    masks = {f"blocks.{block}.attn.mask": torch.ones(25, 25).tril() for block in range(2)}
    model = random_network(SMALL_PROBLEM)
    load_foreign_checkpoint(model, save({"model": foreign_weights() | masks}, tmp_path))
    assert named_weights(model)["blocks.1.mlp.b_out"].equal(foreign_weights()["blocks.1.mlp.b_out"])


@pytest.mark.slow
def test_the_published_network_gives_the_logits_of_its_own_layout(
    published_checkpoint: Path,
) -> None:
    weights = torch.load(published_checkpoint, map_location="cpu", weights_only=True)["model"]
    generator = torch.Generator().manual_seed(0)
    clause_ids = torch.randint(40, (3, 10), generator=generator)
    tokens = encode_formulas(PUBLISHED_PROBLEM, clause_ids)
    ours = published_network(published_checkpoint).double()(tokens).detach().numpy()
    np.testing.assert_allclose(ours, plain_foreign_logits(weights, tokens), atol=1e-8)


class MakesFolder:
    """Unpickling it makes a folder: a harmless stand-in for code in a checkpoint."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.mkdir, (str(self.folder),)


def write_torch_file(content: object, path: Path) -> None:
    torch.save({"model": content}, path)


def write_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps({"model": content}))


@pytest.mark.parametrize("write", [write_torch_file, write_pickle], ids=["torch file", "pickle"])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(
    tmp_path: Path, write: Callable[[object, Path], None]
) -> None:
    path, made = tmp_path / "foreign.pth", tmp_path / "made"
    write(MakesFolder(made), path)
    with pytest.raises(MechvalError, match="is refused"):
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), path)
    assert not made.exists()


def test_the_code_would_run_if_it_were_let(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(MakesFolder(tmp_path / "made")))
    assert (tmp_path / "made").exists()


def without_a_tensor(weights: Weights) -> object:
    del weights["blocks.1.mlp.b_in"]
    return {"model": weights}


def with_another_block(weights: Weights) -> object:
    return {"model": weights | {"blocks.2.mlp.b_in": torch.zeros(24)}}


def transposed(weights: Weights) -> object:
    return {"model": weights | {"blocks.0.mlp.W_in": weights["blocks.0.mlp.W_in"].T}}


def with_another_head_count(weights: Weights) -> object:
    per_head = weights["blocks.1.attn.W_Q"].reshape(4, 4, 16)
    return {"model": weights | {"blocks.1.attn.W_Q": per_head}}


def without_heads(weights: Weights) -> object:
    return {"model": weights | {"blocks.1.attn.W_K": weights["blocks.1.attn.W_K"][0]}}


def with_nan(weights: Weights) -> object:
    return {"model": weights | {"unembed.W_U": torch.full((16, 12), torch.nan)}}


def of_kind(kind: torch.dtype) -> Callable[[Weights], object]:
    return lambda weights: {"model": {name: w.to(kind) for name, w in weights.items()}}


def sparse(weights: Weights) -> object:
    return {"model": weights | {"unembed.W_U": weights["unembed.W_U"].to_sparse()}}


def quantised(weights: Weights) -> object:
    with warnings.catch_warnings(action="ignore"):
        tensor = torch.quantize_per_tensor(weights["unembed.W_U"], 0.1, 0, torch.qint8)
    return {"model": weights | {"unembed.W_U": tensor}}


def hugely_expanded(weights: Weights) -> object:
    return {"model": weights | {"unembed.W_U": torch.zeros(1).expand(2**40)}}


def on_no_device(weights: Weights) -> object:
    return {"model": weights | {"unembed.W_U": torch.zeros(16, 12, device="meta")}}


def with_a_bias_like(tensor: Callable[[], torch.Tensor]) -> Callable[[Weights], object]:
    return lambda weights: {"model": weights | {"blocks.0.attn.b_Q": tensor()}}


def with_numbered_names(weights: Weights) -> object:
    return {"model": dict(enumerate(weights.values()))}


def with_a_bias(weights: Weights) -> object:
    return {"model": weights | {"blocks.0.attn.b_Q": torch.ones(16)}}


def without_the_entry(weights: Weights) -> object:
    return {"weights": weights}


def not_a_dictionary(weights: Weights) -> object:
    return list(weights.values())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without_a_tensor, "lacks the tensor blocks.1.mlp.b_in"),
        (with_another_block, "has an extra tensor blocks.2.mlp.b_in"),
        (transposed, "blocks.0.mlp.W_in has shape (16, 24); allowed: (24, 16)"),
        (with_another_head_count, "blocks.1.attn.W_Q has shape (4, 4, 16); allowed: (2, 8, 16)"),
        (without_heads, "blocks.1.attn.W_K has shape (8, 16); allowed: (2, 8, 16)"),
        (with_nan, "unembed.W_U holds values that are not finite"),
        (of_kind(torch.int8), "embed.W_E is a tensor of kind int8; allowed: dense floating-point"),
        (of_kind(torch.bool), "embed.W_E is a tensor of kind bool"),
        (of_kind(torch.complex64), "embed.W_E is a tensor of kind complex64"),
        (sparse, "unembed.W_U is a tensor of kind sparse_coo"),
        (quantised, "unembed.W_U is a tensor of kind qint8"),
        (hugely_expanded, "unembed.W_U has shape (1099511627776,); allowed: (16, 12)"),
        (on_no_device, "unembed.W_U is a tensor of kind meta"),
        (
            with_a_bias_like(lambda: torch.zeros(16, device="meta")),
            "blocks.0.attn.b_Q is a tensor of kind meta",
        ),
        (
            with_a_bias_like(lambda: torch.zeros(16).to_sparse()),
            "blocks.0.attn.b_Q is a tensor of kind sparse_coo",
        ),
        (
            with_a_bias_like(lambda: torch.zeros(1).expand(2**40)),
            "has an extra tensor blocks.0.attn.b_Q",
        ),
        (with_numbered_names, "has no entry 'model' of tensors"),
        (with_a_bias, "has an extra tensor blocks.0.attn.b_Q"),
        (without_the_entry, "has no entry 'model' of tensors"),
        (not_a_dictionary, "has no entry 'model' of tensors"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(
    tmp_path: Path, spoil: Callable[[Weights], object], sentence: str
) -> None:
    path = save(spoil(foreign_weights()), tmp_path)
    with pytest.raises(MechvalError) as refusal:
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), path)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("kept", [0, 1, 200, -1], ids=["nothing", "a byte", "200 bytes", "but one"])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, kept: int) -> None:
    path = save({"model": foreign_weights()}, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MechvalError, match="is refused"):
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), path)


@pytest.mark.parametrize("kept", [2, 20, -1], ids=["2 bytes", "20 bytes", "but one"])
def test_a_truncated_pickle_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "foreign.pth"
    path.write_bytes(pickle.dumps({"model": {"a": 1}})[:kept])
    with pytest.raises(MechvalError, match="is refused"):
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), path)


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.pth"
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(MechvalError, match="is refused"):
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), path)


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match="does not exist; allowed: a torch file"):
        load_foreign_checkpoint(random_network(SMALL_PROBLEM), tmp_path / "nowhere")
