"""The enumeration counts what listing every formula counts."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer
from mechval.two_sat.certify import enumeration
from mechval.two_sat.certify.enumeration import (
    CHUNK_FILE,
    VERSIONS,
    Enumeration,
    enumerate_multisets,
    make_enumerator,
)
from mechval.two_sat.certify.enumeration_chunks import chunk_prefixes, refuse_too_many
from mechval.two_sat.certify.enumeration_kernel import OTHER, SATISFIABLE, UNDECIDED, UNSATISFIABLE
from mechval.two_sat.certify.enumeration_rows import (
    answer_rows,
    bit_rows,
    chunk_rows,
    failure_rows,
    smallest_failure_rows,
)
from mechval.two_sat.circuit import Circuit
from mechval.two_sat.components import Components
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.neurons import Levels
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.truth_tables import is_satisfiable, truth_tables, unpack_truth_tables
from mechval.two_sat.vocabulary import Vocabulary
from tests.networks import hand_made_circuit, random_network

PROBLEM = Problem(n_variables=3, n_clauses=4)
ARCHITECTURE = Architecture(d_model=16, d_mlp=24, n_heads=(1, 2))
SEEDS = (0, 1)
FORMULAS = np.array(list(product(range(PROBLEM.n_distinct_clauses), repeat=PROBLEM.n_clauses)))


def network(seed: int) -> Transformer:
    """A random network whose mean logits are alike, so that its answers differ."""
    model = random_network(PROBLEM, seed, ARCHITECTURE)
    with torch.no_grad():
        model.block(1).mlp.W_in.mul_(4)
        mean = run(model.double(), circuit(seed), FORMULAS[::97])[0].mean(dim=0)
        shift = torch.linalg.lstsq(model.W_U.T, -mean[:, None]).solution[:, 0]
        model.float().block(1).mlp.b_out.add_(shift)
    return model


def circuit(seed: int) -> Circuit:
    """A circuit whose cuts lie among the activations."""
    made = hand_made_circuit(PROBLEM)
    generator = torch.Generator().manual_seed(seed)
    reading = made.readings["calibrated"]
    neurons = torch.randperm(ARCHITECTURE.d_mlp, generator=generator)[: len(reading.neurons)]
    levels = Levels(torch.rand(len(neurons), generator=generator), reading.levels.high)
    return replace(made, readings={"calibrated": replace(reading, neurons=neurons, levels=levels)})


def run(model: Transformer, made: Circuit, formulas: np.ndarray) -> tuple[Tensor, Tensor]:
    """Logits and hidden activations after γ_1, by the network itself in float64."""
    first, second = torch.as_tensor(clause_literals(PROBLEM)).T
    pairs = (first * PROBLEM.n_literals + second)[torch.as_tensor(formulas)]
    parser = ClauseParser(PROBLEM, made.prototypes.double(), made.mean_resid_post.double())
    components = Components(model, PROBLEM)
    with torch.inference_mode():
        state = components.evaluate(parser.gamma(pairs))
        return components.answer_logits(state), state.hidden


class Listed:
    """Every formula, evaluated one by one."""

    def __init__(self, seed: int) -> None:
        words = truth_tables(PROBLEM, FORMULAS)
        self.satisfiable = is_satisfiable(words)
        self.truth = unpack_truth_tables(words, PROBLEM.n_variables)
        logits, hidden = run(network(seed).double(), circuit(seed), FORMULAS)
        self.logits, self.hidden = logits.numpy(), hidden.numpy()

    @property
    def answers(self) -> np.ndarray:
        vocabulary = Vocabulary(PROBLEM)
        best = self.logits.argmax(axis=1)
        return np.select(
            [best == vocabulary.satisfiable, best == vocabulary.unsatisfiable],
            [SATISFIABLE, UNSATISFIABLE],
            OTHER,
        )


@pytest.fixture(scope="module", params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def listed(seed: int) -> Listed:
    return Listed(seed)


@pytest.fixture(scope="module")
def counted(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Enumeration:
    scratch = tmp_path_factory.mktemp("scratch")
    return enumerate_multisets(
        network(seed), PROBLEM, circuit(seed), scratch=scratch, n_threads=2
    )


def test_every_answer_occurs(listed: Listed) -> None:
    assert set(listed.answers) == {SATISFIABLE, UNSATISFIABLE, OTHER}


def test_answers_are_those_of_listing_every_formula(listed: Listed, counted: Enumeration) -> None:
    distinct = np.array([len(set(formula)) for formula in FORMULAS.tolist()])
    keys = np.stack([listed.truth.sum(axis=1), distinct, listed.answers], axis=1)
    groups, sizes = np.unique(keys, axis=0, return_counts=True)
    expected = dict(zip(map(tuple, groups.tolist()), sizes.tolist(), strict=True))
    assert {key: formulas for key, (formulas, _) in counted.answers.items()} == expected


def test_errors_are_those_of_listing_every_formula(listed: Listed, counted: Enumeration) -> None:
    wrong = (listed.answers == SATISFIABLE) != listed.satisfiable
    rows = {row["class"]: row for row in answer_rows(counted) if row["quantity"] == "error"}
    for name, members in (("satisfiable", listed.satisfiable), ("unsatisfiable", ~listed.satisfiable)):
        row = rows[name]
        found = (row["count_lower"], row["count_upper"], row["total"])
        assert found == (wrong[members].sum(), wrong[members].sum(), members.sum())
    rates = [wrong[listed.satisfiable].mean(), wrong[~listed.satisfiable].mean()]
    assert rows["balanced"]["value_lower"] == pytest.approx(np.mean(rates), rel=1e-12)
    assert rows["all"]["count_lower"] == wrong.sum()


def test_bits_are_those_of_listing_every_formula(
    seed: int, listed: Listed, counted: Enumeration
) -> None:
    reading = circuit(seed).readings["calibrated"]
    bits = listed.hidden[:, reading.neurons] >= reading.levels.cut.double().numpy()
    programs = (reading.trees.program, reading.disjunctions)
    rows = {
        (row["version"], row["neuron"]): row["count_lower"]
        for row in bit_rows(counted)
        if row["class"] == "all"
    }
    for version, program in zip(VERSIONS, programs, strict=True):
        differs = bits != program.bits(torch.from_numpy(listed.truth)).numpy()
        assert rows[version, None] == differs.any(axis=1).sum()
        for neuron, column in zip(reading.neurons.tolist(), differs.T, strict=True):
            assert rows[version, neuron] == column.sum()


def test_bits_by_class_add_up_and_none_is_undecided(counted: Enumeration) -> None:
    rows = bit_rows(counted)
    by_class = [row for row in rows if row["class"] != "all"]
    total = sum(row["count_lower"] for row in rows if row["class"] == "all")
    assert sum(row["count_lower"] for row in by_class) == total > 0
    assert all(row["count_lower"] == row["count_upper"] for row in rows)
