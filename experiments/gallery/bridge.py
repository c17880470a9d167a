"""TransformerLens's TransformerBridge is cut at its hooks: here around a GPT-2 of random weights.

``transformer_lens`` (4.3) is no dependency of this project. A bridge has ``run_with_hooks`` and
lists its hooks in ``hook_dict``; it takes tokens and gives logits.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformer_lens.model_bridge.sources import (  # pyright: ignore[reportMissingImports]
    build_bridge_from_module,
)

from experiments.gallery.hugging_face import gpt2, interpret
from mechval import axioms as mv
from mechval.axioms.cut_network import Cuts

WHOLE = ["blocks.0.hook_resid_post", "blocks.1.hook_resid_post"]
HEAD = [mv.Cut("blocks.1.attn.hook_z", index=np.s_[-1, 0])]


def bridge() -> Any:
    model: Any = gpt2()
    return build_bridge_from_module(model, "GPT2LMHeadModel", hf_config=model.config).eval()


def draw(n: int) -> Tensor:
    return torch.randint(20, (n, 8), generator=torch.Generator().manual_seed(0))


def cut(cuts: Sequence[Cuts]) -> mv.CutNetwork:
    network = mv.CutNetwork(
        bridge(), cuts, example=draw(1), read_label=lambda logits: logits[:, -1].argmax(dim=-1)
    )
    network.verify(draw(16))
    return network


def question() -> mv.Question:
    return mv.Question(interpret(cut(WHOLE)), draw(256))
