import math
from dataclasses import replace

import pytest
import torch

from mechval.errors import MechvalError
from mechval.two_sat.claim.improved.fits import FitTargets, MinibatchDescent, fit_voting_program
from mechval.two_sat.claim.improved.starts import VotingStart
from mechval.two_sat.programs.voting import TABLES, clause_counts, vote
from tests.networks import CPU, SMALL_PROBLEM
from tests.unit.two_sat.programs.test_voting import random_pairs, random_program

FIT = MinibatchDescent(steps=150, batch_size=200, rate=0.05)
BITS_EACH: dict[str, int] = dict.fromkeys(TABLES, 6)


def targets_of_a_known_program(pairs: torch.Tensor) -> FitTargets:
    counts = clause_counts(SMALL_PROBLEM, pairs)
    votes = vote(random_program().real_tables(CPU), counts).float()
    return FitTargets(counts, votes / votes.std(dim=0) * 3)


def start_near_it(seed: int = 0) -> VotingStart:
    known = random_program()
    generator = torch.Generator().manual_seed(seed)

    def near(table: torch.Tensor) -> torch.Tensor:
        return table / 4 + 0.3 * torch.randn(table.shape, generator=generator)

    return VotingStart(
        near(known.salience), near(known.features), near(known.votes) / 4, near(known.bias) / 4
    )


def test_the_fit_finds_most_bits_of_a_known_program() -> None:
    pairs = random_pairs(3000)
    targets = targets_of_a_known_program(pairs)
    program = fit_voting_program(
        SMALL_PROBLEM, targets, start_near_it(), bits_each=BITS_EACH, descent=FIT, seed=0
    )
    wrong = (program.bits(pairs) != (targets.excess >= 0)).float().mean(dim=0)
    assert float(wrong.max()) < 0.15


def test_equal_arguments_give_equal_programs_and_another_seed_another_one() -> None:
    targets, short = targets_of_a_known_program(random_pairs(500)), replace(FIT, steps=10)
    first, second, other = (
        fit_voting_program(
            SMALL_PROBLEM, targets, start_near_it(), bits_each=BITS_EACH, descent=short, seed=seed
        ).to_json()
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("steps", [1, 2, 19, 20, 21])
def test_any_number_of_steps_is_enough_for_a_schedule(steps: int) -> None:
    weights: list[float] = []
    table = torch.nn.Linear(1, 2, bias=False)
    targets = FitTargets(torch.ones(4, 1, dtype=torch.int64), torch.ones(4, 2))

    def excess_at(step: int, counts: torch.Tensor) -> tuple[torch.Tensor, float]:
        weights.append(table.weight.sum().item())
        return table(counts.float()), 0.0

    MinibatchDescent(steps, batch_size=2, rate=0.1).run(table, targets, excess_at, seed=0)
    assert len(weights) == steps
    assert all(map(math.isfinite, [*weights, table.weight.sum().item()]))


def test_a_constant_bit_is_refused() -> None:
    targets = targets_of_a_known_program(random_pairs(500))
    never = FitTargets(targets.counts, targets.excess.abs() + 1)
    with pytest.raises(MechvalError, match="never change"):
        fit_voting_program(
            SMALL_PROBLEM, never, start_near_it(), bits_each=BITS_EACH, descent=FIT, seed=0
        )


def test_a_table_without_a_width_is_refused() -> None:
    targets = targets_of_a_known_program(random_pairs(50))
    with pytest.raises(MechvalError, match="bits_each="):
        fit_voting_program(
            SMALL_PROBLEM, targets, start_near_it(), bits_each={"bias": 4}, descent=FIT, seed=0
        )
