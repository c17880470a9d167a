"""Checkpoints in the authors' layout: converted exactly, or refused; never executed."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import named_weights
from mechval.transformer.weights import load_foreign_checkpoint
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


def without_the_entry(weights: Weights) -> object:
    return {"weights": weights}


def not_a_dictionary(weights: Weights) -> object:
    return list(weights.values())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without_a_tensor, "lacks the tensor blocks.1.mlp.b_in"),
        (with_another_block, "has an extra tensor blocks.2.mlp.b_in"),
        (transposed, "blocks.0.mlp.W_in has shape (24, 16); allowed: (16, 24)"),
        (with_another_head_count, "blocks.1.attn.W_Q has shape (4, 16, 4); allowed: (2, 16, 8)"),
        (without_heads, "blocks.1.attn.W_K has 2 axes; allowed: 3"),
        (with_nan, "unembed.W_U holds values that are not finite"),
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
