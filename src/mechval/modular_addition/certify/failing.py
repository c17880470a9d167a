"""The smallest inputs on which cells disagree: all are enumerated, so nothing needs a proof.

A pair of numbers has no parts that could be left out, so there is nothing to shrink.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from mechval import tables
from mechval.axioms import Cell
from mechval.axioms.report import CellName
from mechval.modular_addition.network.components import Components
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer


@dataclass(frozen=True, kw_only=True)
class FailingPair(CellName):
    """A pair on which a cell disagrees, of so many disagreements among all n pairs."""

    disagreements: int = tables.count()
    n: int = tables.told("N")
    a: int
    b: int
    sum: int = tables.told("a + b")
    network_answer: int = tables.told("network")


FAILING = tables.Table("certify/counterexamples.csv", FailingPair)


@torch.inference_mode()
def find_failing_pairs(
    cells: Sequence[Cell],
    disagreements: Mapping[str, Bool[Tensor, " pair"]],
    model: Transformer,
    problem: ModularAddition,
    limit: int,
) -> Iterator[FailingPair]:
    """The first pairs, by a, then b, on which each distinct cell disagrees.

    ``disagreements`` say on which, by the cell's name; a cell gives at most ``limit`` pairs.
    """
    components, pairs = Components(model), problem.all_pairs()
    for cell in cells:
        disagrees = disagreements[cell.name]
        for pair in pairs[disagrees][: limit if cell.is_distinct else 0]:
            state = components.hidden(components.embed(problem.tokens(pair[None])))
            yield FailingPair(
                interpretation=cell.interpretation,
                tags=cell.tags,
                axiom=cell.axiom,
                component=cell.component,
                disagreements=int(disagrees.sum()),
                n=len(pairs),
                a=int(pair[0]),
                b=int(pair[1]),
                sum=int(problem.answers(pair[None])),
                network_answer=int(components.output(state)),
            )
