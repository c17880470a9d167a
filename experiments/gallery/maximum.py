"""The largest of four numbers below 64: a network trained here, validated beside compact proofs.

J. Gross et al., arXiv 2406.11779 (2024), bound the accuracy of such networks from below by proofs
that use more and more of an explanation: attention goes to the largest number, which is copied, and
the direct path adds nothing. Here that explanation itself is validated, on draws
(``python -m experiments.gallery.maximum`` prints both).
"""

import sys

import torch
from torch import Tensor

from experiments.gallery.maximum_network import trained
from mechval import axioms as mv

PRINTED = {"brute force": 0.9992, "cubic": 0.9845, "sub-cubic": 0.832}
"""Bounds of the accuracy by kind of proof, means over 151 networks of theirs; quoted from memory
and not checked against the paper."""


def question(n: int = 50_000) -> mv.Question:
    model = trained()
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randint(64, (n, 4), generator=generator)
    largest = torch.arange(64).repeat_interleave(400)[:, None]
    fitting = (torch.rand(len(largest), 4, generator=generator) * (largest + 1)).long()
    fitting.scatter_(1, torch.randint(4, largest.shape, generator=generator), largest)
    cuts = (mv.Cut("hook_resid_pre", index=...), mv.Cut("hook_pattern", index=...))
    network = mv.CutNetwork(
        model, [cuts, "hook_resid_post"], example=inputs[:1], read_label=lambda x: x.argmax(dim=-1)
    )
    w = model.state_dict()
    states = network.components[1](network.components[0](fitting))
    means = states.unflatten(0, (64, 400)).mean(dim=1)

    def read(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:  # α_1: numbers, where it looks
        return torch.cdist(part[0] - w["W_pos"], w["W_E"]).argmin(dim=-1), part[1].argmax(dim=-1)

    def write(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:  # γ_1: all attention on one
        return w["W_E"][state[0]] + w["W_pos"], torch.eye(4)[state[1]]

    def copy(state: tuple[Tensor, Tensor]) -> Tensor:  # h_2
        return state[0].gather(1, state[1][:, None])[:, 0]

    claim = mv.Interpretation(
        name="maximum",
        components=("look", "copy", "tell"),
        concrete=network.components,
        abstract=(lambda numbers: (numbers, numbers.argmax(dim=1)), copy, mv.identity),
        alphas=(mv.identity, read, lambda resid: (resid @ w["W_U"]).argmax(dim=-1), mv.identity),
        gammas=(mv.identity, write, lambda number: means[number], mv.identity),
        equivalences=(
            mv.exact_labels,
            mv.Equivalence("attended", lambda a, b: (copy(a) != copy(b)).long()),
            mv.exact_labels,
            mv.exact_labels,
        ),
    )
    return mv.Question(claim, inputs)


def beside(result: mv.ValidationResult) -> str:
    """The printed bounds and what is measured here, with 95 % confidence."""
    cells = {cell.name: cell for cell in result.reports[0].cells}
    found = 1 - cells["prefix equivalence/tell"].epsilon
    proofs = ", ".join(f"{kind} {bound:g}" for kind, bound in PRINTED.items())
    return f"Accuracy at least {found:.4f} here; proofs of theirs (not checked): {proofs}."


if __name__ == "__main__":
    asked = question()
    found = mv.validate(asked.claim, asked.inputs)
    sys.stdout.write(f"{found}\n\n{beside(found)}\n")
