"""A TransformerBridge is cut at its hooks; none of this runs where TransformerLens is missing."""

from dataclasses import replace

import pytest
import torch

from mechval import axioms as mv

pytest.importorskip("transformer_lens", reason="transformer_lens is not installed")
from experiments.gallery import bridge as gallery
from experiments.gallery.hugging_face import gpt2, interpret

INPUTS = gallery.draw(64)


def test_a_bridge_is_cut_at_its_residual_stream() -> None:
    result = mv.validate(interpret(gallery.cut(gallery.WHOLE)), INPUTS)
    assert {cell.disagreements for report in result.reports for cell in report.cells} == {0}


@torch.inference_mode()
def test_a_head_of_a_bridge_is_cut() -> None:
    first, rest = gallery.cut(gallery.HEAD).components
    state = first(INPUTS)
    assert state.part.shape == (64, 8)
    assert torch.equal(rest(state), gpt2()(INPUTS).logits[:, -1].argmax(dim=-1))
    moved = rest(replace(state, part=100 * state.part.roll(1, 0)))
    assert not torch.equal(moved, rest(state))
