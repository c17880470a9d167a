import json
from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest
import torch

from mechval.axioms.program_size import natural_bits
from mechval.errors import MechvalError
from mechval.two_sat.problem import clause_literals
from mechval.two_sat.programs.voting import TABLES, VotingProgram, clause_counts, table_bits, vote
from tests.networks import CPU, SMALL_PROBLEM

N_HEADS, N_FEATURES, N_NEURONS = 2, 3, 4
BITS_EACH: dict[str, int] = dict.fromkeys(TABLES, 4)


def random_program(seed: int = 0) -> VotingProgram:
    generator = torch.Generator().manual_seed(seed)

    def integers(*shape: int) -> torch.Tensor:
        return torch.randint(-7, 8, shape, generator=generator)

    problem = SMALL_PROBLEM
    return VotingProgram(
        problem,
        BITS_EACH,
        salience=integers(N_HEADS, problem.n_literals),
        shifts=integers(N_HEADS, problem.n_variables, problem.n_literals),
        features=integers(problem.n_distinct_clauses, N_FEATURES),
        votes=integers(N_NEURONS, N_HEADS, N_FEATURES),
        balance_votes=integers(N_NEURONS, problem.n_variables),
        bias=integers(N_NEURONS),
        steps=torch.full((4 + N_FEATURES,), 0.25, dtype=torch.float16),
    )


def random_pairs(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.as_tensor(clause_literals(SMALL_PROBLEM)).T
    pairs = first * SMALL_PROBLEM.n_literals + second
    return pairs[torch.randint(0, len(pairs), (n, SMALL_PROBLEM.n_clauses), generator=generator)]


def plain_votes(program: VotingProgram, pairs: list[int]) -> list[float]:
    """The program as its docstring says it, one formula and one neuron at a time."""
    problem, n = program.problem, program.problem.n_literals
    half = problem.n_variables
    clauses = [(pair // n, pair % n) for pair in pairs]
    known = [tuple(clause) for clause in clause_literals(problem).tolist()]
    count = [sum(clause.count(literal) for clause in clauses) for literal in range(n)]
    balance = [count[literal] - count[(literal + half) % n] for literal in range(n)]
    sums = []
    for neuron in range(N_NEURONS):
        total = 0.25 * float(program.bias[neuron])
        total += sum(
            0.25 * balance[v] * float(program.balance_votes[neuron, v]) for v in range(half)
        )
        for head in range(N_HEADS):

            def salience(literal: int, head: int = head) -> float:
                shifts = program.shifts[head, :, literal]
                shift = sum(balance[v] * float(shifts[v]) for v in range(half))
                return 0.25 * (float(program.salience[head, literal]) + shift)

            weights = [2.718281828459045 ** (salience(a) + salience(b)) for a, b in clauses]
            for feature in range(N_FEATURES):
                values = [0.25 * float(program.features[known.index(c), feature]) for c in clauses]
                mean = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
                total += mean * float(program.votes[neuron, head, feature])
        sums.append(total)
    return sums


def test_votes_are_those_of_the_plain_program() -> None:
    program, pairs = random_program(), random_pairs(5)
    found = vote(program.real_tables(CPU), clause_counts(SMALL_PROBLEM, pairs))
    expected = torch.tensor([plain_votes(program, row) for row in pairs.tolist()])
    torch.testing.assert_close(found.float(), expected, rtol=1e-4, atol=1e-4)
    assert program.bits(pairs).equal(found >= 0)


def test_the_order_of_clauses_and_of_their_literals_plays_no_part() -> None:
    program, pairs = random_program(), random_pairs(50)
    n = SMALL_PROBLEM.n_literals
    assert program.bits(pairs.flip(1)).equal(program.bits(pairs))
    assert program.bits(pairs % n * n + pairs // n).equal(program.bits(pairs))


def test_a_pair_that_is_no_clause_is_passed_over() -> None:
    pairs = random_pairs(3)
    pairs[:, 0] = 0
    assert clause_counts(SMALL_PROBLEM, pairs).sum(dim=1).tolist() == [5, 5, 5]
    assert torch.isfinite(
        vote(random_program().real_tables(CPU), clause_counts(SMALL_PROBLEM, pairs * 0))
    ).all()


def test_votes_stay_finite_where_saliences_are_huge() -> None:
    program = replace(random_program(), steps=torch.full((7,), 600.0, dtype=torch.float16))
    counts = clause_counts(SMALL_PROBLEM, random_pairs(20))
    assert torch.isfinite(vote(program.real_tables(CPU), counts)).all()


def test_files_give_the_program_back() -> None:
    program = random_program()
    read = VotingProgram.from_json(json.loads(json.dumps(program.to_json())), SMALL_PROBLEM)
    assert read.to_json() == program.to_json()
    assert read.bits(random_pairs(50)).equal(program.bits(random_pairs(50)))


def test_a_file_without_a_table_is_refused() -> None:
    values = random_program().to_json()
    del values["votes"]
    with pytest.raises(MechvalError, match="votes"):
        VotingProgram.from_json(values, SMALL_PROBLEM)


def test_an_integer_wider_than_its_table_is_refused() -> None:
    program = random_program()
    with pytest.raises(MechvalError, match="bias of a voting program has the entry 8"):
        replace(program, bias=torch.full_like(program.bias, 8))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0] * 8, 1 + 1 + 4),
        ([0, -1, 1, 0], 1 + 4 + 1 + 2 + 3 + 1),
        ([100] * 8, 1 + 4 + 8 * 9),
        ([0] * 30 + [1, -1], 1 + (3 + 9) + 4 + 2 + 1),
    ],
)
def test_a_table_is_as_long_as_the_better_of_its_codes(values: list[int], expected: int) -> None:
    assert table_bits(torch.tensor(values)) == expected


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tables_of_one_size_are_written_in_a_prefix_code(size: int) -> None:
    tables = product(range(-9, 10), repeat=size)
    lengths = [table_bits(torch.tensor(table)) for table in tables]
    assert sum(Fraction(1, 2**length) for length in lengths) <= 1


def test_size_counts_shape_tables_and_steps() -> None:
    program = random_program()
    tables = sum(table_bits(getattr(program, name)) for name in TABLES)
    shape = natural_bits(N_NEURONS) + natural_bits(N_HEADS) + natural_bits(N_FEATURES)
    assert program.size_bits() == shape + tables + 16 * (4 + N_FEATURES)


def test_rounding_the_votes_harder_makes_a_shorter_program() -> None:
    program = random_program()
    assert replace(program, votes=program.votes // 4).size_bits() < program.size_bits()
