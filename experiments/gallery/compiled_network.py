"""A network that Tracr compiled, and translations that follow from its labels alone.

Every direction of the residual stream has a label. ``length_5:3`` is one of the directions of the
variable ``length`` and stands for its value 3; a position has the value whose direction is 1, and
none where all are 0, as at positions behind the end of a sequence.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from torch import Tensor, nn

NONE = 99.0
"""In a program's state: no value, more than any other."""
_LABEL = re.compile(r"(.+?)(?:_\d+)?:(-?[\d.]+)")


class Compiled(nn.Module):
    """Tokens to the last residual stream; cut it at ``blocks.0`` and the like."""

    def __init__(self, path: Path):
        super().__init__()
        with safe_open(path, "pt") as file:
            self.labels: tuple[str, ...] = tuple(json.loads(file.metadata()["labels"]))
            for name in file.keys():  # noqa: SIM118 (the file is no mapping)
                weight = nn.Parameter(file.get_tensor(name), requires_grad=False)
                self.register_parameter(name, weight)
        n_blocks = 1 + max(int(n) for n in re.findall(r"layer_(\d+)", " ".join(self.state_dict())))
        self.blocks = nn.ModuleList(nn.Identity() for _ in range(n_blocks))

    def forward(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos direction"]:
        w = dict(self.named_parameters())

        def apply(name: str, resid: Tensor) -> Tensor:
            return resid @ w[f"{name}/w"] + w[f"{name}/b"]

        resid = w["token_embed/embeddings"][tokens] + w["pos_embed/embeddings"]
        for number, block in enumerate(self.blocks):
            layer = f"transformer/layer_{number}"
            # Tracr masks by the tokens, which have a direction each.
            is_pad = resid[:, None, :, self.labels.index("tokens:compiler_pad")] > 0.5
            q, k, v = (apply(f"{layer}/attn/{name}", resid) for name in ("query", "key", "value"))
            scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(is_pad, -torch.inf)
            resid = resid + apply(f"{layer}/attn/linear", scores.softmax(dim=-1) @ v)
            hidden = apply(f"{layer}/mlp/linear_1", resid).relu()
            resid = block(resid + apply(f"{layer}/mlp/linear_2", hidden))
        return resid


@dataclass(frozen=True)
class Translation:
    """α and γ between a residual stream and the values of all variables behind the start token."""

    labels: tuple[str, ...]

    @property
    def variables(self) -> dict[str, tuple[list[int], Float[Tensor, " value"]]]:
        """By variable: its directions, and the values they stand for."""
        found: dict[str, dict[int, float]] = {}
        for place, match in enumerate(map(_LABEL.fullmatch, self.labels)):
            if match:
                found.setdefault(match[1], {})[place] = float(match[2])
        return {name: ([*of], torch.tensor([*of.values()])) for name, of in found.items()}

    def read(self, resid: Float[Tensor, "batch pos direction"]) -> dict[str, Tensor]:
        state, resid = {}, resid[:, 1:]
        is_there = resid[..., self.variables["tokens"][0]].amax(dim=-1) > 0.5
        for name, (places, values) in self.variables.items():
            height, found = resid[..., places].max(dim=-1)
            state[name] = torch.where(is_there & (height > 0.5), values[found], NONE)
        return state

    def write(self, state: dict[str, Tensor]) -> Float[Tensor, "batch pos direction"]:
        resid = torch.zeros(*state["tokens"].shape, len(self.labels))
        for name, (places, values) in self.variables.items():
            resid[..., places] = (state[name][..., None] == values).float()
        resid[..., self.labels.index("tokens:compiler_pad")] = (state["tokens"] == NONE).float()
        resid = nn.functional.pad(resid, (0, 0, 1, 0))
        resid[:, 0, self.labels.index("tokens:BOS")] = 1
        resid[..., self.labels.index("one")] = 1
        return resid
