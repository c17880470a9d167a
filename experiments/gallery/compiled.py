"""A network set by hand in the way Tracr compiles RASP: how often does each symbol occur?

The program ``hist`` selects the positions with the same symbol and the start token; an MLP turns
the share of attention on the start token, 1 / (1 + count), into the count. Every direction of the
residual stream has a label, and α and γ follow from the labels alone. Tracr itself is not needed.
"""

import numpy as np
import torch
from torch import Tensor, nn

from mechval import axioms as mv

SYMBOLS, LENGTH = 3, 4
START, ONE = 0, 1 + SYMBOLS
LABELS = ("symbol",) * ONE + ("one", "share") + ("count",) * (LENGTH + 1)
INPUTS = torch.cartesian_prod(*[torch.arange(1, SYMBOLS + 1)] * LENGTH)
SHARES = 1 / torch.arange(1, LENGTH + 2)  # of the start token, by count


def directions(label: str) -> Tensor:
    return torch.tensor([place for place, known in enumerate(LABELS) if known == label])


def embed(symbols: Tensor) -> Tensor:
    tokens = nn.functional.pad(symbols, (1, 0), value=START)
    return torch.eye(len(LABELS))[tokens] + torch.eye(len(LABELS))[ONE]


class Histogram(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hook_resid_mid, self.hook_mlp_out = nn.Identity(), nn.Identity()

    def forward(self, symbols: Tensor) -> Tensor:
        resid = embed(symbols)
        kinds = resid[..., directions("symbol")]
        is_same = (kinds @ kinds.mT).index_fill(-1, torch.tensor([START]), 1)
        found = (100 * is_same).softmax(dim=-1) @ resid
        resid = resid.index_copy(-1, directions("share"), found[..., [START]])
        share = self.hook_resid_mid(resid)[:, 1:, directions("share")]
        return self.hook_mlp_out((1 - 25 * (share - SHARES).abs()).relu())  # one bump per count


def count(symbols: Tensor) -> Tensor:  # h_1
    return (symbols[:, :, None] == symbols[:, None]).sum(dim=2)


def label(counts: Tensor) -> Tensor:  # h_3: the counts as one integer
    return counts @ (LENGTH + 1) ** torch.arange(LENGTH)


MUTANTS = {  # wrong programs in the place of h_1
    "of the first symbol": lambda symbols: count(symbols)[:, :1].expand(-1, LENGTH),
    "of those before": lambda symbols: (symbols[:, :, None] == symbols[:, None]).tril().sum(dim=2),
    "three at most": lambda symbols: count(symbols).clamp(max=3),
}


def interpret(model: Histogram) -> mv.Interpretation:
    network = mv.CutNetwork(
        model,
        (mv.Cut("hook_resid_mid", index=np.s_[1:, LABELS.index("share")]), "hook_mlp_out"),
        example=INPUTS[:1],
        read_label=lambda bumps: label(bumps.argmax(dim=-1)),
    )
    network.verify(INPUTS)
    counts = mv.Equivalence("counts", mv.n_differing, n_parts=LENGTH)
    return mv.Interpretation(
        name="hist",
        components=("select", "look up", "tell"),
        concrete=network.components,
        abstract=(count, mv.identity, label),
        alphas=(
            mv.identity,
            lambda share: (share[..., None] - SHARES).abs().argmin(dim=-1),
            lambda bumps: bumps.argmax(dim=-1),
            mv.identity,
        ),
        gammas=(
            mv.identity,
            lambda counts: SHARES[counts],
            lambda counts: torch.eye(LENGTH + 1)[counts],
            mv.identity,
        ),
        equivalences=(mv.exact_labels, counts, counts, mv.exact_labels),
    )


def question() -> mv.Question:
    return mv.Question(interpret(Histogram()), INPUTS, domain_size=SYMBOLS**LENGTH)
