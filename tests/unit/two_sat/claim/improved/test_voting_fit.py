from dataclasses import replace

import pytest
import torch

from mechval.errors import MechvalError
from mechval.two_sat.claim.improved.starts import VotingStart
from mechval.two_sat.claim.improved.voting_fit import FitTargets, VotingFit, fit_voting_program
from mechval.two_sat.programs.voting import TABLES, clause_counts, vote
from tests.networks import CPU, SMALL_PROBLEM
from tests.unit.two_sat.programs.test_voting import random_pairs, random_program

FIT = VotingFit(steps=150, batch_size=200, learning_rate=0.05)
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
        SMALL_PROBLEM, targets, start_near_it(), bits_each=BITS_EACH, fit=FIT, seed=0
    )
    wrong = (program.bits(pairs) != (targets.excess >= 0)).float().mean(dim=0)
    assert float(wrong.max()) < 0.15


def test_equal_arguments_give_equal_programs_and_another_seed_another_one() -> None:
    targets, short = targets_of_a_known_program(random_pairs(500)), replace(FIT, steps=10)
    first, second, other = (
        fit_voting_program(
            SMALL_PROBLEM, targets, start_near_it(), bits_each=BITS_EACH, fit=short, seed=seed
        ).to_json()
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first != other


def test_a_constant_bit_is_refused() -> None:
    targets = targets_of_a_known_program(random_pairs(500))
    never = FitTargets(targets.counts, targets.excess.abs() + 1)
    with pytest.raises(MechvalError, match="never change"):
        fit_voting_program(
            SMALL_PROBLEM, never, start_near_it(), bits_each=BITS_EACH, fit=FIT, seed=0
        )


def test_a_table_without_a_width_is_refused() -> None:
    targets = targets_of_a_known_program(random_pairs(50))
    with pytest.raises(MechvalError, match="bits_each="):
        fit_voting_program(
            SMALL_PROBLEM, targets, start_near_it(), bits_each={"bias": 4}, fit=FIT, seed=0
        )
