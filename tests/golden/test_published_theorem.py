"""No theorem about networks that nobody trained towards one: the authors' and the reference."""

from pathlib import Path

import pytest

from mechval.transformer import Transformer
from mechval.two_sat.certify.theorem.prover import prove_theorem
from mechval.two_sat.certify.theorem.theorem import LemmaStatus, Theorem
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.network.training import WEIGHTS, load_network
from tests.networks import PUBLISHED_PROBLEM, published_network
from tests.settings import TWO_SAT

RESULTS = Path(__file__).resolve().parents[2] / "results" / "two_sat"


def theorem_of(model: Transformer, run: str) -> Theorem:
    circuit = load_circuit(RESULTS / run / "circuit", PUBLISHED_PROBLEM)
    return prove_theorem(model, PUBLISHED_PROBLEM, circuit, "")


def open_lemmas(theorem: Theorem) -> set[str]:
    return {lemma.name for lemma in theorem.lemmas if lemma.status is not LemmaStatus.PROVED}


def test_the_reference_network_ends_in_no_theorem() -> None:
    weights = RESULTS / "reference" / "train" / WEIGHTS
    model = load_network(PUBLISHED_PROBLEM, TWO_SAT.architecture, weights)
    theorem = theorem_of(model, "reference")
    assert theorem.answers is LemmaStatus.UNKNOWN
    # `:` attends almost uniformly in block 0.
    assert theorem.failing_lemma is not None
    assert theorem.failing_lemma.startswith("constants")
    assert {"read positions", "neurons", "unsatisfiable"} <= open_lemmas(theorem)


def test_the_authors_network_ends_in_no_theorem(published_checkpoint: Path) -> None:
    theorem = theorem_of(published_network(published_checkpoint), "published")
    assert theorem.answers is LemmaStatus.UNKNOWN
    assert not theorem.interpretations
    assert {"read positions", "neurons"} <= open_lemmas(theorem)
    own = next(lemma for lemma in theorem.lemmas if lemma.name == "own clause")
    # An independent prototype finds at least 0.906 of the attention on the own two literals.
    assert own.margin == pytest.approx(2.27, abs=0.01)
