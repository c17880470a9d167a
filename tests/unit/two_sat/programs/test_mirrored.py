import json
from dataclasses import replace

import pytest
import torch

from mechval.axioms.program_size import natural_bits, subset_bits
from mechval.errors import MechvalError
from mechval.two_sat.claim.improved.fits import FitTargets, MinibatchDescent, fit_mirrored_programs
from mechval.two_sat.claim.improved.starts import MirroredStart, VotingStart, mirrored_start
from mechval.two_sat.programs.mirrored import TABLES, MirroredProgram, Mirrors
from mechval.two_sat.programs.voting import clause_counts, table_bits, vote
from tests.networks import CPU, SMALL_PROBLEM
from tests.unit.two_sat.programs.test_voting import random_pairs

N_FEATURES = 2
FLIPS = torch.tensor([[False, False, False], [True, False, True]])
ASSIGNMENTS = torch.eye(8, dtype=torch.bool)[:5]
MIRRORS = Mirrors(SMALL_PROBLEM, FLIPS, ASSIGNMENTS)
CORRECTIONS = [name for name in TABLES if name.endswith(("of_head", "of_neuron"))]


def random_program(seed: int = 0, *, corrected: bool = True) -> MirroredProgram:
    generator = torch.Generator().manual_seed(seed)
    sizes = MIRRORS.axis_sizes(N_FEATURES)
    tables = {
        name: torch.randint(-7, 8, [sizes[axis] for axis in axes], generator=generator)
        * (corrected or name not in CORRECTIONS)
        for name, axes in TABLES.items()
    }
    return MirroredProgram(MIRRORS, tables, torch.full((len(TABLES),), 0.125, dtype=torch.float16))


def flipped(pairs: torch.Tensor, literals: torch.Tensor) -> torch.Tensor:
    n = SMALL_PROBLEM.n_literals
    return literals[pairs // n] * n + literals[pairs % n]


def test_without_corrections_a_head_is_the_first_one_on_the_flipped_formula() -> None:
    tables = random_program(corrected=False).real_tables(CPU)
    second, first = (
        replace(
            tables,
            votes=tables.votes * (torch.arange(2) == head)[:, None],
            balance_votes=tables.balance_votes * 0,
            bias=tables.bias * 0,
        )
        for head in (1, 0)
    )
    flipped_assignments = ASSIGNMENTS[:, torch.arange(8) ^ 0b101]
    moved = replace(
        random_program(corrected=False),
        mirrors=Mirrors(SMALL_PROBLEM, FLIPS, flipped_assignments),
    ).real_tables(CPU)
    first = replace(first, votes=moved.votes * (torch.arange(2) == 0)[:, None])
    pairs = random_pairs(40)
    seen = flipped(pairs, MIRRORS.literals[1])
    torch.testing.assert_close(
        vote(second, clause_counts(SMALL_PROBLEM, pairs)),
        vote(first, clause_counts(SMALL_PROBLEM, seen)),
    )


def test_monomials_are_averages_over_a_neurons_assignments() -> None:
    both = torch.zeros(2, 8, dtype=torch.bool)
    both[0, [0b011, 0b001]] = True
    found = Mirrors(SMALL_PROBLEM, FLIPS, both).monomials
    assert found.tolist() == [[1, 1, 0, -1, 0, -1, 0], [0] * 7]


def test_the_order_of_clauses_and_of_their_literals_plays_no_part() -> None:
    program, pairs = random_program(), random_pairs(50)
    n = SMALL_PROBLEM.n_literals
    assert program.bits(pairs.flip(1)).equal(program.bits(pairs))
    assert program.bits(pairs % n * n + pairs // n).equal(program.bits(pairs))


def test_a_program_has_the_length_that_its_words_add_up_to() -> None:
    program = random_program()
    tables = sum(table_bits(table) for table in program.tables.values())
    shape = natural_bits(5) + natural_bits(2) + natural_bits(N_FEATURES)
    sets, flips, steps = 5 * subset_bits(1, 8), 6, 16 * len(TABLES)
    assert program.size_bits() == shape + sets + flips + steps + tables


def test_corrections_cost_bits() -> None:
    plain = random_program(corrected=False)
    assert plain.size_bits() < random_program().size_bits()


def test_a_program_without_a_table_is_refused() -> None:
    program = random_program()
    some = {name: table for name, table in program.tables.items() if name != "votes"}
    with pytest.raises(MechvalError, match="allowed: salience, "):
        replace(program, tables=some)


def test_a_file_holds_all_of_the_program() -> None:
    program = random_program()
    written = json.loads(json.dumps(program.to_json()))
    assert written["assignments"] == [[0], [1], [2], [3], [4]]
    assert torch.tensor(written["tables"]["votes"]).equal(program.tables["votes"])


def start_of(program: MirroredProgram) -> VotingStart:
    tables = program.real_tables(CPU)
    return VotingStart(
        salience=tables.salience.float(),
        features=tables.features[0].float(),
        votes=tables.votes.float(),
        bias=tables.bias.float(),
    )


def test_the_start_finds_the_mirror_of_heads_that_are_mirrored() -> None:
    program = random_program(corrected=False)
    tables = program.real_tables(CPU)
    # A start has features that all heads share: here those of both heads, side by side.
    features = torch.cat([tables.features[0], tables.features[1]], dim=1).float()
    votes = torch.zeros(5, 2, 2 * N_FEATURES)
    votes[:, 0, :N_FEATURES], votes[:, 1, N_FEATURES:] = tables.votes[:, 0], tables.votes[:, 1]
    start = replace(start_of(program), features=features, votes=votes)
    every = torch.eye(8, dtype=torch.bool)
    wide = Mirrors(SMALL_PROBLEM, FLIPS, every)
    real = {name: table * 0.125 for name, table in program.tables.items()}
    real |= {
        name: torch.zeros([wide.axis_sizes(N_FEATURES)[axis] for axis in TABLES[name]])
        for name in CORRECTIONS
    }
    expanded = wide.voting_tables({name: table.float() for name, table in real.items()})
    votes = torch.zeros(8, 2, 2 * N_FEATURES)
    votes[:, 0, :N_FEATURES] = expanded.votes[:, 0]
    votes[:, 1, N_FEATURES:] = expanded.votes[:, 1]
    start = replace(start, votes=votes, bias=expanded.bias)
    found = mirrored_start(SMALL_PROBLEM, start, every, 0.999)
    assert found.mirrors.flips.equal(FLIPS)
    torch.testing.assert_close(found.tables["salience"], real["salience"].float())


def targets(pairs: torch.Tensor) -> FitTargets:
    counts = clause_counts(SMALL_PROBLEM, pairs)
    votes = vote(random_program(corrected=False).real_tables(CPU), counts).float()
    return FitTargets(counts, (votes - votes.median(dim=0).values) / votes.std(dim=0) * 3)


def near_start() -> MirroredStart:
    program = random_program(corrected=False)
    real = {name: table * 0.1 for name, table in program.tables.items()}
    return MirroredStart(MIRRORS, real)


def test_a_higher_price_makes_a_shorter_program() -> None:
    programs = fit_mirrored_programs(
        targets(random_pairs(400)),
        near_start(),
        prices=(1e-6, 1e-3),
        real=MinibatchDescent(30, 100, 0.02),
        rounded=MinibatchDescent(150, 100, 0.01),
        seed=0,
    )
    dear, cheap = programs["price 0.001"].size_bits(), programs["price 1e-06"].size_bits()
    assert dear < cheap


def test_equal_arguments_give_equal_programs() -> None:
    first, second = (
        fit_mirrored_programs(
            targets(random_pairs(200)),
            near_start(),
            prices=(1e-6,),
            real=MinibatchDescent(10, 50, 0.02),
            rounded=MinibatchDescent(10, 50, 0.01),
            seed=0,
        )["price 1e-06"].to_json()
        for _ in range(2)
    )
    assert first == second
