"""One head of attention that gives the largest of four numbers below 64.

``python -m experiments.gallery.maximum_network`` trains it (seconds on one core) and writes
``maximum.safetensors``; the same torch on one thread gives the same bytes. As in J. Gross et al.,
arXiv 2406.11779 (2024): no MLP, no norm, no biases, 3 000 steps of AdamW on 128 sequences each.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

PATH = Path(__file__).with_name("maximum.safetensors")
SHAPES = {"W_E": (64, 32), "W_pos": (4, 32), "W_U": (32, 64)} | {f"W_{x}": (32, 32) for x in "QKVO"}


class Maximum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, shape in SHAPES.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape) / 32**0.5))
        self.hook_resid_pre, self.hook_pattern = nn.Identity(), nn.Identity()
        self.hook_resid_post = nn.Identity()

    def forward(self, numbers: Tensor) -> Tensor:  # logits at the last position
        w = dict(self.named_parameters())
        resid = self.hook_resid_pre(w["W_E"][numbers] + w["W_pos"])
        last = resid[:, -1:]
        scores = last @ w["W_Q"] @ (resid @ w["W_K"]).mT / 32**0.5
        pattern = self.hook_pattern(scores.softmax(dim=-1)[:, 0])
        attn_out = pattern[:, None] @ resid @ w["W_V"] @ w["W_O"]
        return self.hook_resid_post((last + attn_out)[:, 0]) @ w["W_U"]


def train() -> None:
    torch.manual_seed(0)
    model = Maximum()
    descent = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(3000):
        numbers, _ = torch.randint(64, (128, 4)), descent.zero_grad()
        nn.functional.cross_entropy(model(numbers), numbers.amax(dim=1)).backward()
        descent.step()
    PATH.write_bytes(save(model.state_dict()))


def trained() -> Maximum:
    model = Maximum()
    model.load_state_dict(load_file(PATH))
    return model.requires_grad_(False)


if __name__ == "__main__":
    train()
