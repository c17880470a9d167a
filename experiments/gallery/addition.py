"""Adding numbers of five digits: three programs for the carry, told apart on the same inputs.

N. Nanda's checkpoint ``5-digit-addition-infinite``, one block. At position 13 it gives the second
digit of a five-digit sum from the digits there and a carry. Does that carry come from all lower
digits, or from one or two of them? And does attention know it already, before the MLP?
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from experiments.gallery.published import Published
from mechval import axioms as mv

PATH = Path(__file__).parents[3] / "shared/checkpoints/nanda2023-5-digit-addition-infinite.pth"
PLUS, EQUALS, QUERY, DIGIT = 10, 11, 13, 1
CLAIMS = {"one digit": 1, "two digits": 2, "exact": 3}  # how many lower digits the carry sees
ATTENTION = mv.Cut("blocks.0.hook_z", index=QUERY)


def draw(n: int, seed: int) -> Tensor:
    """Sums with their answers, as the network reads them."""
    generator = torch.Generator().manual_seed(seed)
    digits = torch.randint(10, (n, 2, 5), generator=generator)
    total = digits.sum(dim=1) @ 10 ** torch.arange(5).flip(0)
    answer = total[:, None] // 10 ** torch.arange(6).flip(0) % 10
    sign = torch.ones(n, 1, dtype=torch.long)
    return torch.cat([digits[:, 0], PLUS * sign, digits[:, 1], EQUALS * sign, answer], dim=1)


def sum_and_carry(tokens: Tensor, n_seen: int) -> Tensor:
    """h_1: twice the sum of the two digits, plus the carry."""
    sums, carry = tokens[:, :5] + tokens[:, 6:11], torch.zeros(len(tokens), dtype=torch.long)
    for lower in range(DIGIT + n_seen, DIGIT, -1):
        carry = (sums[:, lower] + carry >= 10).long()
    return 2 * sums[:, DIGIT] + carry


def tell(state: Tensor) -> Tensor:  # h_2
    return (state // 2 + state % 2) % 10


def interpret(model: Published, fitting: Tensor) -> Sequence[mv.Interpretation]:
    """One claim for each carry; α and γ know the mean of what attention writes for a state."""
    network = mv.CutNetwork(
        model, [ATTENTION], example=fitting[:1], read_label=lambda x: x[:, QUERY].argmax(dim=-1)
    )
    network.verify(fitting[:100])
    written = network.components[0](fitting).part.detach()
    claims = []
    for name, n_seen in CLAIMS.items():
        states = sum_and_carry(fitting, n_seen)
        means = torch.stack([written[states == state].mean(dim=0) for state in range(38)])

        def read(part: Tensor, means: Tensor = means) -> Tensor:
            return torch.cdist(part.flatten(1), means.flatten(1)).argmin(dim=1)

        claims.append(
            mv.Interpretation(
                name=name,
                components=("attend", "carry"),
                concrete=network.components,
                abstract=(lambda tokens, n_seen=n_seen: sum_and_carry(tokens, n_seen), tell),
                alphas=(mv.identity, read, mv.identity),
                gammas=(mv.identity, lambda state, means=means: means[state], mv.identity),
                equivalences=(mv.exact_labels,) * 3,
            )
        )
    return claims


def question() -> mv.Question:
    return mv.Question(interpret(Published(PATH), draw(8000, seed=0)), draw(20_000, seed=1))
