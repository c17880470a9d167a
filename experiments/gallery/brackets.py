"""A bag of claims on balanced brackets: which shortcut does a network take, and does the table say?

The network is set by hand. Its attention is uniform over the brackets so far and writes how many
more open than close, on average; its neurons fire where that is below 0. It is right everywhere,
and so is one of the claims; each of the others is right on most inputs.
"""

import torch
from torch import Tensor, nn

from mechval import axioms as mv

LENGTH = 8
INPUTS = torch.cartesian_prod(*[torch.tensor([1, -1])] * LENGTH)  # 1 opens, -1 closes
PLACES = torch.arange(1, LENGTH + 1)


class Brackets(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hook_attn_out, self.hook_post = nn.Identity(), nn.Identity()

    def forward(self, brackets: Tensor) -> Tensor:
        pattern = torch.ones(LENGTH, LENGTH).tril() / PLACES[:, None]
        excess = self.hook_attn_out(brackets.float() @ pattern.T)
        below = (-LENGTH * excess).relu()
        wrong = torch.cat([below, LENGTH * excess[:, -1:].relu()], dim=1)
        return 0.5 - self.hook_post(wrong).sum(dim=1, keepdim=True)


def depth(brackets: Tensor) -> Tensor:  # h_1
    return brackets.cumsum(dim=1)


def both(depths: Tensor) -> Tensor:
    return torch.stack([(depths < 0).any(dim=1), depths[:, -1] > 0], dim=1)


def only_count(depths: Tensor) -> Tensor:
    return torch.stack([depths[:, -1] < 0, depths[:, -1] > 0], dim=1)


def only_horizon(depths: Tensor) -> Tensor:
    return both(depths) & torch.tensor([True, False])


def only_ends(depths: Tensor) -> Tensor:
    return torch.stack([depths[:, 0] < 0, depths[:, -1] > depths[:, -2]], dim=1)


CLAIMS = {"count and horizon": both, "count": only_count}
CLAIMS |= {"horizon": only_horizon, "first and last": only_ends}
FAULTS = {"below": slice(LENGTH), "above": LENGTH}  # which neurons tell of each


def is_balanced(faults: Tensor) -> Tensor:  # h_3
    return (~faults.any(dim=1)).long()


def read_depths(excess: Tensor) -> Tensor:  # α_1
    return (excess * PLACES).round().long()


def write_depths(depths: Tensor) -> Tensor:  # γ_1
    return depths / PLACES


def read_faults(wrong: Tensor) -> Tensor:  # α_2
    return torch.stack([wrong[:, :-1].amax(dim=1), wrong[:, -1]], dim=1) > 0.5


def write_faults(faults: Tensor) -> Tensor:  # γ_2
    return nn.functional.pad(faults.float(), (LENGTH - 1, 0))


def interpret(model: Brackets) -> list[mv.Interpretation]:
    cuts = ("hook_attn_out", "hook_post")
    network = mv.CutNetwork(
        model, cuts, example=INPUTS[:1], read_label=lambda logit: (logit[:, 0] > 0).long()
    )
    differing = mv.Equivalence("differing", mv.n_differing)
    return [
        mv.Interpretation(
            name=name,
            components=("count", "check", "tell"),
            concrete=network.components,
            abstract=(depth, check, is_balanced),
            alphas=(mv.identity, read_depths, read_faults, mv.identity),
            gammas=(mv.identity, write_depths, write_faults, mv.identity),
            equivalences=(mv.exact_labels, differing, differing, mv.exact_labels),
            variables=[
                mv.Variable("check", mv.Part(each, index=i), mv.Part(each, index=at))
                for i, (each, at) in enumerate(FAULTS.items())
            ],
        )
        for name, check in CLAIMS.items()
    ]


def question() -> mv.Question:
    return mv.Question(interpret(Brackets()), INPUTS, domain_size=2**LENGTH)
