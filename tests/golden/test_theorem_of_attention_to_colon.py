"""A head that leaves most of its attention to ``:`` says little about clauses."""

from pathlib import Path

from mechval.transformer.weights import WEIGHTS
from mechval.two_sat.certify.theorem.prover import prove_theorem
from mechval.two_sat.certify.theorem.theorem import LemmaStatus, circuit_digest
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.network.training import load_network
from mechval.two_sat.problem import Problem
from tests.settings import TWO_SAT

_FOLDER = Path(__file__).resolve().parents[2] / "results/theorems/proved-cpu-s2"


def test_neurons_are_given_what_they_evaluate_by_what_is_attended():
    problem = Problem(n_variables=5, n_clauses=10)
    model = load_network(problem, TWO_SAT.architecture, _FOLDER / WEIGHTS)
    circuit = load_circuit(_FOLDER, problem)

    found = prove_theorem(model, problem, circuit, circuit_digest(_FOLDER))

    assert found.status is LemmaStatus.PROVED
