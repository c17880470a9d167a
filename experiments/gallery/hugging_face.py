"""Models of Hugging Face's transformers are cut as they are: GPT-2 and BERT with random weights.

Nothing is claimed of them but that they do what they do (each component is its own program), which
must hold exactly; ``transformers`` is no dependency of this project. Such a model takes tensors by
keyword, so that inputs are a dict; some of its layers return tuples; and a cache of keys and values
is an output that everything reaches, so that it is turned off.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (  # pyright: ignore[reportMissingImports]
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
)

from mechval import axioms as mv
from mechval.axioms.cut_network import Cuts

SIZES = {"vocab_size": 20, "eos_token_id": 0, "bos_token_id": 0, "pad_token_id": 0}


def gpt2() -> nn.Module:
    torch.manual_seed(0)
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 8, "use_cache": False}
    return GPT2LMHeadModel(GPT2Config(**SIZES, **sizes)).eval()


def bert() -> nn.Module:
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
    config = BertConfig(**SIZES, **sizes, intermediate_size=32, num_labels=3)
    return BertForSequenceClassification(config).eval()


WHOLE: dict[Any, Sequence[Cuts]] = {  # nothing passes beside the residual stream
    gpt2: ["transformer.h.0", "transformer.h.1"],
    bert: ["bert.encoder.layer.0", "bert.encoder.layer.1"],
}
PARTS: dict[Any, Sequence[Cuts]] = {  # an attention layer or a head of it, where the label is read
    gpt2: [mv.Cut("transformer.h.1.attn", output=0, index=-1)],
    bert: [mv.Cut("bert.encoder.layer.1.attention.self", output=0, index=np.s_[0, :8])],
}


def draw(n: int) -> dict[str, Tensor]:
    tokens = torch.randint(20, (n, 8), generator=torch.Generator().manual_seed(0))
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}


def read_label(output: Any) -> Tensor:
    logits = output.logits
    return (logits[:, -1] if logits.ndim == 3 else logits).argmax(dim=-1)


def cut(model: nn.Module, cuts: Sequence[Cuts]) -> mv.CutNetwork:
    network = mv.CutNetwork(model, cuts, example=draw(1), read_label=read_label)
    network.verify(draw(16))
    return network


def interpret(network: mv.CutNetwork) -> mv.Interpretation:
    """The claim that each component is itself."""
    components = network.components
    n_cuts = len(components) + 1
    return mv.Interpretation(
        name="itself",
        components=tuple(f"component {number}" for number in range(1, n_cuts)),
        concrete=components,
        abstract=components,
        alphas=(mv.identity,) * n_cuts,
        gammas=(mv.identity,) * n_cuts,
        equivalences=(mv.Equivalence("numbers", mv.n_differing),) * (n_cuts - 1)
        + (mv.exact_labels,),
    )


def question(make: Callable[[], nn.Module] = gpt2) -> mv.Question:
    return mv.Question(interpret(cut(make(), WHOLE[make])), draw(256))


def bert_question() -> mv.Question:
    return question(bert)
