"""O5: the right answers by another program. A network is trained on a² − b² modulo a prime, which
is (a + b)(a − b) as well; which of the two does it hold where the numbers have just met?

Two embeddings are added up and one hidden layer answers. Both numbers share the directions of that
sum, so that a program's two quantities are one variable: α is the nearest of all sums of codes.

Task and question are those of Lepori, Serre and Pavlick (arXiv 2311.04354).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from mechval.files import write_whole
from mechval.instruments.fitted import fit_sums, fitted_organism
from mechval.instruments.organism import Organism
from mechval.instruments.trained import TrainedRow, load_trained
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track

WEIGHTS = "squares.safetensors"
RIGHT, WRONG, FINER = "O5 a² − b²", "O5 (a + b)(a − b)", "O5 (a + b)(a − b), codes of a and b"
P, RANK = 113, 48
"""The modulus, and how many of the sum's dimensions α and γ have."""
SEED, _STEPS = 0, 1500
_WIDTH, _HIDDEN, _TRAINED_ON = 64, 256, 0.6
_RATE, _DECAY, _BETAS = 0.01, 1.0, (0.9, 0.98)
Pairs: TypeAlias = Int[Tensor, "input 2"]
Step: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Network:
    """Weights; ``embeddings`` are of a and of b."""

    embeddings: Float[Tensor, "2 number width"]
    reads: Float[Tensor, "width hidden"]
    bias: Float[Tensor, " hidden"]
    writes: Float[Tensor, "hidden number"]

    def add_up(self, pairs: Pairs) -> Float[Tensor, "input width"]:
        """Where both numbers stand together."""
        first, second = self.embeddings
        return first[pairs[:, 0]] + second[pairs[:, 1]]

    def logits(self, total: Float[Tensor, "input width"]) -> Float[Tensor, "input number"]:
        return torch.relu(total.to(self.reads.dtype) @ self.reads + self.bias) @ self.writes

    def answer(self, total: Float[Tensor, "input width"]) -> Int[Tensor, " input"]:
        return self.logits(total).argmax(dim=1)


def right_answers(pairs: Pairs, p: int) -> Int[Tensor, " input"]:
    """a² − b² modulo p."""
    return (pairs[:, 0].square() - pairs[:, 1].square()) % p


def train(seed: int, p: int = P, steps: int = _STEPS) -> Network:
    """All inputs trained on in every step, three fifths of those that there are; weight decay makes
    the network answer the others."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((2, p, _WIDTH), (_WIDTH, _HIDDEN), (_HIDDEN,), (_HIDDEN, p))
    drawn = [torch.randn(*shape, generator=generator) / _WIDTH**0.5 for shape in shapes]
    weights = [each.requires_grad_() for each in drawn]
    network, pairs = Network(*weights), ModularAddition(p=p).all_pairs()
    chosen = torch.randperm(len(pairs), generator=generator)[: int(_TRAINED_ON * len(pairs))]
    kept, answers = pairs[chosen], right_answers(pairs[chosen], p)
    optimiser = torch.optim.AdamW(weights, lr=_RATE, weight_decay=_DECAY, betas=_BETAS)
    for _ in track(range(steps), "training on a² − b²"):
        # in float32 a small loss rounds to zero
        logits = network.logits(network.add_up(kept)).double()
        loss = functional.cross_entropy(logits, answers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Network(*(each.detach() for each in weights))


def train_all(folder: Path) -> Iterator[TrainedRow]:
    """Train the one network there is."""
    network, pairs = train(SEED), ModularAddition(p=P).all_pairs()
    wrong = int((network.answer(network.add_up(pairs)) != right_answers(pairs, P)).sum())
    write_whole(folder / WEIGHTS, save({part: getattr(network, part) for part in _PARTS}))
    yield TrainedRow(WEIGHTS, SEED, _STEPS, len(pairs), wrong)


_PARTS = tuple(field.name for field in fields(Network))


def load(folder: Path) -> Network:
    """The committed network; raises MechvalError if its file is missing or damaged."""
    tensors = load_trained(folder / WEIGHTS)
    return Network(*(tensors[part] for part in _PARTS))


def square_claims(network: Network, n_inputs: int, seed: int, rank: int = RANK) -> list[Organism]:
    """The network's program; the other one by codes of its own quantities; the other one by codes
    of a and b themselves.

    Codes are fitted on half of all inputs; instruments draw theirs from all, with replacement.
    """
    p = network.writes.shape[1]
    generator, pairs = torch.Generator().manual_seed(seed), ModularAddition(p=p).all_pairs()
    inputs = pairs[torch.randint(len(pairs), (n_inputs,), generator=generator)]
    fitting = pairs[torch.randperm(len(pairs), generator=generator)[: len(pairs) // 2]]
    told = f"trained on a² − b² mod {p} / the sum of embeddings holds"

    def number(held: Int[Tensor, "input 2"]) -> Int[Tensor, " input"]:
        return held[:, 0] * p + held[:, 1]

    def factors(pairs: Pairs) -> Int[Tensor, "input 2"]:
        return torch.stack([pairs.sum(dim=1), pairs[:, 0] - pairs[:, 1]], dim=1) % p

    def claim(name: str, said: str, parts: Step, named: Step, answer: Step) -> Organism:
        return fitted_organism(
            name,
            f"{told} {said}",
            (network.add_up, network.answer),
            (lambda pairs: named(parts(pairs))[:, None], lambda held: answer(held[:, 0]) % p),
            fit_sums(network.add_up(fitting), parts(fitting), rank, named),
            variables=[said],
            inputs=inputs,
            is_sound=name == RIGHT,
            control="" if name == RIGHT else RIGHT,
            logits=network.logits,
        )

    def multiply(held: Int[Tensor, " input"]) -> Int[Tensor, " input"]:
        return (held // p) * (held % p)

    squares, both = "a² and b²", "a + b and a − b"
    return [
        claim(RIGHT, squares, lambda ab: ab.square() % p, number, lambda ab: ab // p - ab % p),
        claim(WRONG, both, factors, number, multiply),
        claim(
            FINER,
            f"{both}, added up by α from a and b",
            lambda ab: ab,
            lambda ab: number(factors(ab)),
            multiply,
        ),
    ]
