"""A network of one's own, validated: a hand-set transformer that reverses four symbols.

``python -m experiments.bring_your_own``; docs/BRING_YOUR_OWN.md explains it step by step.
"""

import torch
from rich import print as show
from torch import Tensor, nn

from mechval import axioms as mv
from mechval.reporting.terminal import axiom_table

SYMBOLS, POSITIONS = 3, 4
INPUTS = torch.cartesian_prod(*[torch.arange(SYMBOLS)] * POSITIONS)  # every input there is


class Reverser(nn.Module):
    """One attention head: each position looks at its mirror image and copies the symbol there."""

    def __init__(self) -> None:
        super().__init__()
        symbol, position = torch.eye(SYMBOLS + POSITIONS).split([SYMBOLS, POSITIONS])
        self.W_E, self.W_pos, self.W_U = map(nn.Parameter, (symbol, position, symbol.T))
        self.W_QK = nn.Parameter(100 * position.T @ position.flip(0))
        self.W_OV = nn.Parameter(symbol.T @ symbol)
        self.hook_resid_pre, self.hook_attn_out = nn.Identity(), nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        resid = self.hook_resid_pre(self.W_E[tokens] + self.W_pos)
        pattern = (resid @ self.W_QK @ resid.mT).softmax(dim=-1)
        return self.hook_attn_out(pattern @ resid @ self.W_OV) @ self.W_U


def read(stream: Tensor) -> Tensor:  # α_1, α_2: the largest coordinate that stands for a symbol
    return stream[..., :SYMBOLS].argmax(dim=-1)


def write_attended(symbols: Tensor) -> Tensor:  # γ_2
    return torch.eye(SYMBOLS + POSITIONS)[symbols]


def write_embedded(symbols: Tensor) -> Tensor:  # γ_1
    return write_attended(symbols) + torch.eye(SYMBOLS + POSITIONS)[SYMBOLS:]


def reverse(symbols: Tensor) -> Tensor:  # h_2
    return symbols.flip(1)


def label(symbols: Tensor) -> Tensor:  # h_3: the list as one integer, its digits the symbols
    return symbols @ SYMBOLS ** torch.arange(POSITIONS)


def cut(model: nn.Module) -> tuple[mv.Map, ...]:  # t_1, t_2, t_3
    network = mv.CutNetwork(
        model,
        cuts=("hook_resid_pre", "hook_attn_out"),
        example=INPUTS[:1],
        read_label=lambda logits: label(read(logits)),
    )
    network.verify(INPUTS)
    return network.components


def interpret(model: nn.Module) -> mv.Interpretation:
    symbols = mv.Equivalence("symbols", mv.n_differing, n_parts=POSITIONS)
    return mv.Interpretation(
        name="reversal",
        components=("embed", "attend", "unembed"),
        concrete=cut(model),
        abstract=(mv.identity, reverse, label),
        alphas=(mv.identity, read, read, mv.identity),
        gammas=(mv.identity, write_embedded, write_attended, mv.identity),
        equivalences=(mv.exact_labels, symbols, symbols, mv.exact_labels),
    )


def question() -> mv.Question:
    return mv.Question(interpret(Reverser()), INPUTS, domain_size=SYMBOLS**POSITIONS)


if __name__ == "__main__":
    size = SYMBOLS**POSITIONS
    show(axiom_table(mv.enumerate_axioms(interpret(Reverser()), INPUTS, domain_size=size)))
