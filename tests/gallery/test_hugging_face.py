"""Hugging Face's models are cut as they are; nothing of this runs where transformers is missing."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from mechval import axioms as mv
from mechval.errors import MechvalError

pytest.importorskip("transformers", reason="transformers is not installed")
from experiments.gallery import hugging_face as gallery

INPUTS = gallery.draw(64)
MODELS = [gallery.gpt2, gallery.bert]


@pytest.mark.parametrize("make", MODELS)
def test_a_model_of_tensors_by_keyword_is_cut_at_its_layers(make: Any) -> None:
    result = mv.validate(gallery.interpret(gallery.cut(make(), gallery.WHOLE[make])), INPUTS)
    assert {cell.disagreements for report in result.reports for cell in report.cells} == {0}


@pytest.mark.parametrize("make", MODELS)
@torch.inference_mode()
def test_a_part_of_an_attention_layer_is_cut(make: Any) -> None:
    model = make()
    first, rest = gallery.cut(model, gallery.PARTS[make]).components
    state = first(INPUTS)
    assert state.part.shape == (64, 16 if make is gallery.gpt2 else 8)
    assert torch.equal(rest(state), gallery.read_label(model(**INPUTS)))
    moved = rest(replace(state, part=100 * state.part.roll(1, 0)))
    assert not torch.equal(moved, rest(state))


def test_a_cache_of_keys_and_values_passes_beside_every_cut() -> None:
    model: Any = gallery.gpt2()
    model.config.use_cache = True
    with pytest.raises(MechvalError, match=r"cut transformer\.h\.0 does not carry everything"):
        gallery.cut(model, gallery.WHOLE[gallery.gpt2])
