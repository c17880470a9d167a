"""A network and a program of three components whose every axiom count is known in closed form.

Inputs are the numbers 0 … N - 1. The network's state carries the number beside one bit; each of
its components negates the bit once too often on a set of its own (A, B, C). A state made by γ
carries no number, so what runs after it does not deviate. With A, B, C disjoint, of sizes a, b, c:

| axiom | parse | evaluate | output |
|---|---|---|---|
| 1 | a | a+b | a+b+c |
| 2 | a | b | c |
| 3 | a+b+c | a+b+c | a+b+c |
| 4 | a+b+c | b+c | c |
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from mechval.axioms import (
    AxiomReport,
    Batch,
    Equivalence,
    Interpretation,
    evaluate_axioms,
    exact_labels,
    identity,
)

N = 200
A, B, C = torch.arange(7), torch.arange(50, 61), torch.arange(150, 153)
a, b, c = len(A), len(B), len(C)
COMPONENTS = ("parse", "evaluate", "output")
NO_NUMBER = -1


def negated_on(bit: Tensor, number: Tensor, where: Tensor) -> Tensor:
    return bit ^ torch.isin(number, where).long()


def parity(number: Tensor) -> Tensor:
    return number % 2


def negate(bit: Tensor) -> Tensor:
    return 1 - bit


def parse(number: Tensor) -> Tensor:
    return torch.stack([number, negated_on(parity(number), number, A)], dim=1)


def evaluate(state: Tensor) -> Tensor:
    number, bit = state.unbind(1)
    return torch.stack([number, negated_on(negate(bit), number, B)], dim=1)


def output(state: Tensor) -> Tensor:
    number, bit = state.unbind(1)
    return negated_on(bit, number, C)


def read_bit(state: Tensor) -> Tensor:
    return state[:, 1]


def write_bit(bit: Tensor) -> Tensor:
    return torch.stack([torch.full_like(bit, NO_NUMBER), bit], dim=1)


one_bit = Equivalence("one bit", exact_labels.distance)


def make_toy(name: str = "toy") -> Interpretation:
    return Interpretation(
        name=name,
        components=COMPONENTS,
        concrete=(parse, evaluate, output),
        abstract=(parity, negate, identity),
        alphas=(identity, read_bit, read_bit, identity),
        gammas=(identity, write_bit, write_bit, identity),
        equivalences=(exact_labels, one_bit, one_bit, exact_labels),
    )


def replaced_at(maps: tuple, index: int, new: object) -> tuple:
    return (*maps[:index], new, *maps[index + 1 :])


def with_map(toy: Interpretation, field: str, index: int, new: object) -> Interpretation:
    """The same interpretation with one entry of one field replaced."""
    return replace(toy, **{field: replaced_at(getattr(toy, field), index, new)})


def make_batches(size: int = N, inputs: Tensor | None = None) -> list[Batch]:
    """The numbers 0 … N - 1 in batches; stratum 0 is below 100, stratum 1 the rest."""
    numbers = torch.arange(N) if inputs is None else inputs
    return [Batch(part, (part >= N // 2).long()) for part in numbers.split(size)]


def evaluate_toy(
    interpretation: Interpretation,
    batches: list[Batch] | None = None,
    *,
    mixtures: Mapping[str, Mapping[str, float]] | None = None,
    confidence: float = 0.95,
    constant_label: int = 1,
) -> AxiomReport:
    (report,) = evaluate_axioms(
        [interpretation],
        make_batches() if batches is None else batches,
        strata_names=("low", "high"),
        mixtures=mixtures or {},
        confidence=confidence,
        constant_label=constant_label,
    )
    return report


def counts(report: AxiomReport) -> list[list[int]]:
    """Disagreements as the table of the module's docstring: axioms × components."""
    flat = [cell.disagreements for cell in report.cells]
    return [flat[start : start + 3] for start in range(0, 12, 3)]


EXPECTED = [
    [a, a + b, a + b + c],
    [a, b, c],
    [a + b + c] * 3,
    [a + b + c, b + c, c],
]
