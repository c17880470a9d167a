"""What is measured along the way: how far the network is from one that can be proved."""

from dataclasses import dataclass

import torch

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.consolidate.closed_form import neuron_bounds
from mechval.two_sat.consolidate.first_block import first_block
from mechval.two_sat.consolidate.formulas import balanced_formulas, random_formulas, target_margins
from mechval.two_sat.consolidate.hinges import unread_gap
from mechval.two_sat.consolidate.phases import HardPool, margins
from mechval.two_sat.consolidate.roles import Roles
from mechval.two_sat.consolidate.second_block import (
    answer_margins,
    falsified_by,
    second_block,
)
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.answer import answers, right_answers
from mechval.two_sat.network.training import Accuracy
from mechval.two_sat.problem import Problem

MEASURED_FORMULAS = 2048
_UNREAD_FORMULAS = 128


@dataclass(frozen=True)
class Measurement:
    """Of one network; scores, gaps and bounds are of the worst case that the field says.

    Attributes:
        accuracy: of the whole network, argmax over all tokens, on fresh balanced formulas.
        own_gap: least log-odds of a clause's two literals in block 0, over all formulas.
        colon_gap: the same at ``:``, constant tokens against literals.
        unread_gap: least log-odds of the read positions in block 1, over fresh formulas.
        position_spread: largest distance of a clause's score from its mean over positions.
        value_spread: the same of what a clause adds to a neuron at attention 1.
        clause_spread: largest difference of a head's scores over clauses and positions.
        wrong_neurons: neurons on the wrong side of 0 on fresh formulas, each counted.
        random_margin: least signed pre-activation on fresh formulas, in the neuron's level.
        pool_wrong: wrong neurons on the pool of hard formulas; pool_margin likewise.
        lower_bound: least closed-form bound of a neuron that has to be on, in its level.
        upper_bound: greatest of one that has to be off.
        answer_lead: least lead of the right answer over another token, in logits.
    """

    accuracy: float = tables.rate()
    own_gap: float = tables.number(unit="nats")
    colon_gap: float = tables.number(unit="nats")
    unread_gap: float = tables.number(unit="nats")
    position_spread: float = tables.number(unit="nats")
    value_spread: float = tables.number(unit="pre-activation")
    clause_spread: float = tables.number(unit="nats")
    wrong_neurons: int | None = tables.told()
    random_margin: float | None = tables.number(unit="levels")
    pool_wrong: int | None = tables.told()
    pool_margin: float | None = tables.number(unit="levels")
    lower_bound: float | None = tables.number(unit="levels")
    upper_bound: float | None = tables.number(unit="levels")
    answer_lead: float | None = tables.number(unit="logits")


@dataclass(frozen=True, kw_only=True)
class CurveRow(Measurement):
    """One measurement of a phase: sharpen, mechanism, average or scratch."""

    phase: str = tables.told()
    step: int = tables.told()
    loss: float = tables.number("mean loss since the last row")
    learning_rate: float = tables.number()


CURVE = tables.Table("consolidate/learning_curve.csv", CurveRow)


@dataclass(frozen=True)
class Outcome:
    """The consolidated network: accuracy on the test split, and how near it is to a proof."""

    accuracy: Accuracy = tables.told()
    measured: Measurement = tables.told()


OUTCOME = tables.Record("consolidate/metrics.json", Outcome)


@torch.no_grad()
def measure(
    model: Transformer,
    problem: Problem,
    roles: Roles,
    generator: torch.Generator,
    pool: HardPool | None = None,
) -> Measurement:
    """Measure a network whose neurons have these roles.

    The generator is on the CPU: the fresh formulas are the same whatever the network is on.
    """
    device = model.W_E.device
    first = first_block(model, problem)
    block = second_block(model, first, roles.neurons)
    falsified = falsified_by(problem, roles.assignments)
    formulas, satisfiable = (
        part.to(device) for part in balanced_formulas(problem, MEASURED_FORMULAS, generator)
    )
    drawn = random_formulas(problem, _UNREAD_FORMULAS, generator).to(device)
    found = margins(block, falsified, roles.levels, formulas)
    bounds = neuron_bounds(block, falsified)
    off, single = answer_margins(problem, block, roles.levels / 2)
    hard = None
    if pool is not None:
        hard = target_margins(block, falsified, roles.levels, pool.clause_ids, pool.targets)
    unread = unread_gap(model, problem, drawn)
    scores = block.scores.flatten(1)
    return Measurement(
        accuracy=_accuracy(model, problem, formulas, satisfiable),
        own_gap=float(first.own_gap.min()),
        colon_gap=float(first.colon_gap.min()),
        unread_gap=float(unread.min()),
        position_spread=float(_spread(block.scores)),
        value_spread=float(_spread(block.values)),
        clause_spread=float((scores.amax(dim=1) - scores.amin(dim=1)).max()),
        wrong_neurons=int((found <= 0).sum()),
        random_margin=float(found.min()),
        pool_wrong=None if hard is None else int((hard <= 0).sum()),
        pool_margin=None if hard is None else float(hard.min()),
        lower_bound=float((bounds.lower / roles.levels).min()),
        upper_bound=float((bounds.upper / roles.levels).max()),
        answer_lead=float(torch.minimum(off.min(), single.min())),
    )


def _spread(table: torch.Tensor) -> torch.Tensor:
    """Largest distance from the mean over clause positions (dimension 1)."""
    return (table - table.mean(dim=1, keepdim=True)).abs().max()


def _accuracy(
    model: Transformer, problem: Problem, formulas: torch.Tensor, satisfiable: torch.Tensor
) -> float:
    expected = right_answers(Vocabulary(problem), satisfiable)
    found = torch.cat(
        [answers(model(encode_formulas(problem, part))[:, -1]) for part in formulas.split(256)]
    )
    return float((found == expected).double().mean())
