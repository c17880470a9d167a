"""Counting in torch gives the very tallies of the compiled loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mechval.transformer import Architecture, Transformer
from mechval.two_sat.certify.counting import enumeration
from mechval.two_sat.certify.counting.arrays import (
    OTHER,
    SATISFIABLE,
    UNSATISFIABLE,
    Tally,
    empty_tally,
)
from mechval.two_sat.certify.counting.chunks import chunk_prefixes
from mechval.two_sat.certify.counting.device import BATCH_VALUES, DeviceCounter
from mechval.two_sat.certify.counting.enumeration import Enumerator, make_enumerator
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem, clause_literals
from tests.networks import CPU, hand_made_circuit, random_network

SMALL = Problem(n_variables=3, n_clauses=4)
PROBLEMS = (
    SMALL,
    Problem(n_variables=3, n_clauses=5),
    Problem(n_variables=4, n_clauses=4),
    Problem(n_variables=3, n_clauses=13),
)
SOME = chunk_prefixes(SMALL)[::3]
SPLITTING, WHOLE = 2**12, BATCH_VALUES // 2**8


def made(problem: Problem, *, bits: bool, n_heads: int = 2) -> Enumerator:
    """A random network whose mean logits are alike, so that its answers differ."""
    model = random_network(problem, 0, Architecture(d_model=16, d_mlp=24, n_heads=(1, n_heads)))
    circuit = hand_made_circuit(problem)
    with torch.no_grad():
        model.block(1).mlp.W_in.mul_(4)
        mean = mean_logits(model.double(), problem, circuit)
        shift = torch.linalg.lstsq(model.W_U.T, -mean[:, None]).solution[:, 0]
        model.float().block(1).mlp.b_out.add_(shift)
    reading = circuit.readings["calibrated"]
    neurons = torch.arange(len(reading.neurons))
    levels = replace(reading.levels, cut=torch.linspace(0, 1, len(neurons)))
    reading = replace(reading, neurons=neurons, levels=levels)
    circuit = replace(circuit, readings={"calibrated": reading})
    return make_enumerator(model, problem, circuit, bits=bits)


def mean_logits(model: Transformer, problem: Problem, circuit: Circuit) -> Tensor:
    """After γ_1, over some random formulas."""
    shape = (200, problem.n_clauses)
    formulas = np.random.default_rng(0).integers(problem.n_distinct_clauses, size=shape)
    first, second = torch.as_tensor(clause_literals(problem)).T
    pairs = (first * problem.n_literals + second)[torch.as_tensor(formulas)]
    parser = ClauseParser(problem, circuit.prototypes.double(), circuit.mean_resid_post.double())
    components = Components(model, problem)
    return components.answer_logits(components.evaluate(parser.gamma(pairs))).mean(dim=0)


def tallies(
    enumerator: Enumerator, batch_values: int, prefixes: list[tuple[int, int]]
) -> list[tuple[Tally, Tally]]:
    problem, plan, bits = enumerator.problem, enumerator.plan, enumerator.bits
    counter = DeviceCounter(plan, bits, problem, CPU, batch_values)
    found = []
    for prefix in prefixes:
        pair = [empty_tally(problem, bits) for _ in range(2)]
        enumerator.counter(prefix, pair[0])
        counter(prefix, pair[1])
        found.append((pair[0], pair[1]))
    return found


def assert_equal(pairs: list[tuple[Tally, Tally]]) -> None:
    for expected, found in pairs:
        for name in Tally._fields:
            assert np.array_equal(getattr(expected, name), getattr(found, name)), name


@pytest.mark.parametrize("bits", [False, True])
@pytest.mark.parametrize(
    ("problem", "batch_values"),
    [(SMALL, 1), *((problem, size) for problem in PROBLEMS[:3] for size in (SPLITTING, WHOLE))],
)
def test_tallies_are_those_of_the_compiled_loop(
    problem: Problem, batch_values: int, bits: bool
) -> None:
    prefixes = chunk_prefixes(problem)[:: 2 if problem.n_variables == 3 else 9]
    pairs = tallies(made(problem, bits=bits), batch_values, prefixes)
    assert_equal(pairs)
    assert any(expected.n_kept.any() for expected, _ in pairs)
    assert any(expected.bit_wrong.any() for expected, _ in pairs) == bits


@pytest.mark.parametrize("batch_values", [SPLITTING, WHOLE])
def test_long_formulas_whose_orders_exceed_32_bits_are_counted_alike(batch_values: int) -> None:
    assert_equal(tallies(made(PROBLEMS[3], bits=True), batch_values, [(5, 7), (8, 8), (11, 11)]))


def test_one_head_and_many_heads_are_counted_alike() -> None:
    for n_heads in (1, 8):
        enumerator = made(SMALL, bits=True, n_heads=n_heads)
        assert_equal(tallies(enumerator, SPLITTING, chunk_prefixes(SMALL)[::5]))


@pytest.mark.parametrize("margin_error", [0.05, 1e9])
def test_multisets_in_doubt_are_the_same_ones(margin_error: float) -> None:
    problem = Problem(n_variables=3, n_clauses=9)
    enumerator = made(problem, bits=False)
    coarse = enumerator.plan._replace(margin_error=margin_error, rival_error=margin_error)
    counter = enumeration.make_counter(coarse, enumerator.bits, problem, CPU)
    doubtful = replace(enumerator, plan=coarse, counter=counter)
    pairs = tallies(doubtful, SPLITTING, [(0, 1), (2, 6)])
    assert_equal(pairs)
    assert all(found.n_undecided[0] for _, found in pairs)
    # The first chunk has more of them than are kept.
    assert margin_error < 1 or pairs[0][0].n_undecided[0] > len(pairs[0][0].revisited)


@pytest.mark.parametrize("doubt", [0.1, 100.0])
def test_bits_in_doubt_are_counted_alike(doubt: float) -> None:
    enumerator = made(SMALL, bits=True)
    surely_on, maybe_on = enumerator.bits.surely_on + doubt, enumerator.bits.maybe_on - doubt
    bits = enumerator.bits._replace(surely_on=surely_on, maybe_on=maybe_on)
    counter = enumeration.make_counter(enumerator.plan, bits, SMALL, CPU)
    pairs = tallies(replace(enumerator, bits=bits, counter=counter), SPLITTING, SOME)
    assert_equal(pairs)
    assert any(found.bit_unsure.any() for _, found in pairs)
    assert doubt < 1 or any(found.any_unsure.any() for _, found in pairs)


def test_all_answers_occur_and_are_counted_alike() -> None:
    pairs = tallies(made(SMALL, bits=False), SPLITTING, chunk_prefixes(SMALL))
    assert_equal(pairs)
    answers = np.sum([found.multisets for _, found in pairs], axis=(0, 1, 2))
    assert (answers[[SATISFIABLE, UNSATISFIABLE, OTHER]] > 0).all()


def test_chunks_have_the_same_digest() -> None:
    enumerator = made(SMALL, bits=True)
    counter = DeviceCounter(enumerator.plan, enumerator.bits, SMALL, CPU, SPLITTING)
    in_torch = replace(enumerator, counter=counter)
    for prefix in chunk_prefixes(SMALL)[::7]:
        assert in_torch.count(prefix).digest() == enumerator.count(prefix).digest()


def test_a_changed_weight_changes_the_tallies() -> None:
    enumerator = made(SMALL, bits=True)
    changed = enumerator.plan._replace(weights=enumerator.plan.weights * 1.5)
    pairs = tallies(replace(enumerator, plan=changed), SPLITTING, chunk_prefixes(SMALL))
    with pytest.raises(AssertionError):
        assert_equal(pairs)


def test_all_64_bits_of_a_truth_table_are_counted() -> None:
    problem = Problem(n_variables=6, n_clauses=4)
    assert_equal(tallies(made(problem, bits=False), WHOLE, [(0, 0), (3, 17), (59, 59)]))


@pytest.mark.parametrize(("name", "in_torch"), [("cuda", True), ("cpu", False)])
def test_torch_counts_on_cuda_and_the_compiled_loop_elsewhere(
    name: str, in_torch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        enumeration, "DeviceCounter", lambda *arguments: asked.append(arguments) or print
    )
    enumerator = made(SMALL, bits=False)
    asked.clear()
    enumeration.make_counter(enumerator.plan, enumerator.bits, SMALL, torch.device(name))
    assert [arguments[3].type for arguments in asked] == (["cuda"] if in_torch else [])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA; un-skip on a GPU machine")
def test_a_chunk_on_the_gpu_is_that_of_the_compiled_loop() -> None:
    problem = Problem(n_variables=3, n_clauses=9)
    enumerator = made(problem, bits=True)
    counter = DeviceCounter(
        enumerator.plan, enumerator.bits, problem, torch.device("cuda"), SPLITTING
    )
    on_gpu = replace(enumerator, counter=counter)
    for prefix in ((0, 1), (2, 6)):
        assert on_gpu.count(prefix).digest() == enumerator.count(prefix).digest()
