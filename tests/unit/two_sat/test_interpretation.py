"""The maps of the published interpretation: α reads what γ writes, the program is 2-SAT."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from mechval.axioms import Interpretation
from mechval.two_sat.circuit.neurons import Levels
from mechval.two_sat.claim.unordered_pairs import unordered_pairs
from mechval.two_sat.configs import Residual
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import (
    BitReader,
    ClauseParser,
    any_bit,
    bit_reader,
    formula_evaluator,
    make_interpretations,
)
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem, clause_literals
from tests.formulas import NAMED_FORMULAS, NamedFormula
from tests.networks import (
    CPU,
    SMALL_PROBLEM,
    hand_made_circuit,
    one_neuron_per_assignment,
    random_network,
)

N_LITERALS, N_CLAUSES = SMALL_PROBLEM.n_literals, SMALL_PROBLEM.n_clauses
N_NEURONS = SMALL_PROBLEM.n_assignments
CIRCUIT = hand_made_circuit(SMALL_PROBLEM)
PARSER = ClauseParser(SMALL_PROBLEM, CIRCUIT.prototypes, CIRCUIT.mean_resid_post)
PAIRS = numpy_st.arrays(
    np.int64, st.tuples(st.integers(1, 5), st.just(N_CLAUSES)), elements=st.integers(0, 35)
)
BITS = numpy_st.arrays(np.bool_, st.tuples(st.integers(1, 5), st.just(N_NEURONS)))


@given(PAIRS)
def test_the_parse_of_a_written_parse_is_that_parse(pairs: np.ndarray) -> None:
    state = torch.from_numpy(pairs)
    assert PARSER.alpha(PARSER.gamma(state)).equal(state)


@pytest.mark.parametrize("residual", ["resid_mid", "attn_out"])
@settings(max_examples=20)
@given(bits=BITS)
def test_the_bits_of_written_bits_are_those_bits(residual: Residual, bits: np.ndarray) -> None:
    reader = bit_reader(CIRCUIT, "calibrated", residual, CPU)
    state = torch.from_numpy(bits)
    assert reader.alpha(reader.gamma(state)).equal(state)


def test_a_written_parse_differs_from_the_mean_at_second_literals_only() -> None:
    resid = PARSER.gamma(torch.zeros(1, N_CLAUSES, dtype=torch.long))[0]
    differs = (resid != CIRCUIT.mean_resid_post).any(dim=1).nonzero().flatten().tolist()
    assert differs == [4 * clause + 2 for clause in range(N_CLAUSES)]


def test_writing_a_parse_leaves_the_mean_as_it_was() -> None:
    before = CIRCUIT.mean_resid_post.clone()
    PARSER.gamma(torch.zeros(2, N_CLAUSES, dtype=torch.long))
    assert CIRCUIT.mean_resid_post.equal(before)


def test_written_bits_leave_other_neurons_at_their_mean() -> None:
    levels = Levels(cut=torch.ones(7), high=torch.full((7,), 2.0))
    neurons = torch.arange(1, N_NEURONS)
    reader = BitReader(neurons, levels, CIRCUIT.mean_hidden, CIRCUIT.mean_resid_mid)
    written = reader.gamma(torch.ones(1, 7, dtype=torch.bool))
    assert written.hidden[0].tolist() == [float(CIRCUIT.mean_hidden[0]), *[2.0] * 7]


@pytest.mark.parametrize(
    ("residual", "mean"), [("resid_mid", "mean_resid_mid"), ("attn_out", "mean_attn_out")]
)
def test_the_residual_written_at_the_second_cut_is_the_named_mean(
    residual: Residual, mean: str
) -> None:
    reader = bit_reader(CIRCUIT, "calibrated", residual, CPU)
    written = reader.gamma(torch.zeros(2, N_NEURONS, dtype=torch.bool))
    assert written.resid_mid.equal(getattr(CIRCUIT, mean).expand(2, -1))


def test_a_neuron_at_its_cut_is_on() -> None:
    reader = bit_reader(CIRCUIT, "calibrated", "resid_mid", CPU)
    state = reader.gamma(torch.zeros(1, N_NEURONS, dtype=torch.bool))
    state.hidden[0, 0], state.hidden[0, 1] = 1.0, 0.999
    assert reader.alpha(state)[0, :2].tolist() == [True, False]


def distance(found: list[int], expected: list[int]) -> int:
    padding = [0] * (N_CLAUSES - len(found))
    pair = torch.tensor([found + padding]), torch.tensor([expected + padding])
    return int(unordered_pairs(SMALL_PROBLEM).distance(*pair))


def pair_of(first: int, second: int) -> int:
    return first * N_LITERALS + second


@given(first=st.integers(0, 5), second=st.integers(0, 5))
def test_the_order_inside_a_clause_does_not_matter(first: int, second: int) -> None:
    assert distance([pair_of(first, second)], [pair_of(second, first)]) == 0


@given(found=st.tuples(*[st.integers(0, 5)] * 2), expected=st.tuples(*[st.integers(0, 5)] * 2))
def test_clauses_of_other_literals_differ(
    found: tuple[int, int], expected: tuple[int, int]
) -> None:
    is_same = sorted(found) == sorted(expected)
    assert distance([pair_of(*found)], [pair_of(*expected)]) == (not is_same)


def test_the_order_of_clauses_matters_to_the_parse() -> None:
    assert distance([pair_of(0, 1), pair_of(2, 3)], [pair_of(2, 3), pair_of(0, 1)]) == 2


def test_the_program_reads_the_clauses_as_written() -> None:
    clause_ids = torch.tensor([[0, 3, 5, 7, 11, 2]])
    pairs = PARSER.program(encode_formulas(SMALL_PROBLEM, clause_ids))[0]
    written = clause_literals(SMALL_PROBLEM)[clause_ids[0].numpy()].tolist()
    assert pairs.tolist() == [pair_of(first, second) for first, second in written]


@pytest.mark.parametrize("formula", NAMED_FORMULAS, ids=lambda formula: formula.name)
def test_or_over_one_neuron_per_assignment_decides_satisfiability(formula: NamedFormula) -> None:
    problem = formula.problem
    program = one_neuron_per_assignment(problem.n_assignments).trees.program
    first, second = formula.literal_pairs.T
    pairs = torch.from_numpy(first * problem.n_literals + second)[None]
    label = any_bit(formula_evaluator(problem, program, CPU)(pairs))
    assert bool(label) == formula.satisfiable


@given(pairs=PAIRS, seed=st.integers(0, 1000))
def test_evaluate_sees_the_set_of_clauses_only(pairs: np.ndarray, seed: int) -> None:
    evaluate = formula_evaluator(SMALL_PROBLEM, CIRCUIT.readings["calibrated"].disjunctions, CPU)
    order = torch.randperm(N_CLAUSES, generator=torch.Generator().manual_seed(seed))
    state = torch.from_numpy(pairs)
    swapped = state % N_LITERALS * N_LITERALS + state // N_LITERALS
    assert evaluate(swapped[:, order]).equal(evaluate(state))


@given(BITS)
def test_the_output_is_the_or_of_the_bits(bits: np.ndarray) -> None:
    assert any_bit(torch.from_numpy(bits)).tolist() == [int(any(row)) for row in bits]


def interpretations(problem: Problem = SMALL_PROBLEM) -> list[Interpretation]:
    return make_interpretations(Components(random_network(problem), problem), CIRCUIT)


def test_there_is_one_interpretation_per_version_and_residual() -> None:
    assert {made.name for made in interpretations()} == {
        "trees/calibrated/resid_mid",
        "trees/calibrated/attn_out",
        "disjunction/calibrated/resid_mid",
        "disjunction/calibrated/attn_out",
    }


def test_all_share_the_networks_components() -> None:
    first, *others = interpretations()
    assert all(other.concrete is first.concrete for other in others)


def test_equivalences_say_how_many_parts_a_state_has() -> None:
    parts = [equivalence.n_parts for equivalence in interpretations()[0].equivalences]
    assert parts == [1, N_CLAUSES, N_NEURONS, 1]
