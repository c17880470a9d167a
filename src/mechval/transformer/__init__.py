"""A small decoder-only transformer without LayerNorm, under TransformerLens names."""

from mechval.transformer.architecture import Architecture
from mechval.transformer.hooks import HookPoint, hook_names
from mechval.transformer.last_position import answer_logits
from mechval.transformer.model import MLP, Attended, Attention, Block, Transformer
from mechval.transformer.weights import load_weights, named_weights, save_weights

__all__ = [
    "MLP",
    "Architecture",
    "Attended",
    "Attention",
    "Block",
    "HookPoint",
    "Transformer",
    "answer_logits",
    "hook_names",
    "load_weights",
    "named_weights",
    "save_weights",
]
