"""A network drawn at random with its circuit, and which held-out formulas fail in which cell."""

from functools import cache

import torch

from mechval.axioms import Disagreements, evaluate_axioms
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.claim.assess import CLASSES, axiom_batches
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.network.components import Components
from mechval.two_sat.single.counterexamples import Finding, find_cases
from mechval.two_sat.single.subject import Subject, make_subject
from tests.networks import SMALL_PROBLEM, random_network, small_corpora
from tests.settings import TWO_SAT, changed

LIMIT = 2


@cache
def corpora_splits() -> tuple[Split, Split]:
    splits = small_corpora(SMALL_PROBLEM, 240).splits
    return splits["analysis.fit"], splits["analysis.test"]


def loud_network(seed: int = 3) -> Transformer:
    """A random network whose label changes from formula to formula, and every axiom fails."""
    model = random_network(SMALL_PROBLEM, seed)
    model.W_E.data *= 4
    model.W_pos.data *= 0.2
    vocabulary = Vocabulary(SMALL_PROBLEM)
    answers = torch.zeros(vocabulary.d_vocab)
    answers[[vocabulary.satisfiable, vocabulary.unsatisfiable]] = 8
    model.W_U.data *= answers
    return model


@cache
def subject() -> Subject:
    fit, _ = corpora_splits()
    model = loud_network()
    circuit = extract_circuit(
        Components(model, SMALL_PROBLEM),
        fit,
        config=changed(TWO_SAT.circuit, readings=("calibrated",)),
        seed=0,
    )
    network = Components(model, SMALL_PROBLEM)
    return make_subject(network, circuit, ("trees",), ("resid_mid", "attn_out"))


@cache
def audit() -> Disagreements:
    _, test = corpora_splits()
    reports = evaluate_axioms(
        list(subject().interpretations.values()),
        axiom_batches(subject().components, test),
        strata_names=CLASSES,
        mixtures={},
        confidence=0.95,
        constant_label=1,
    )
    return {report.interpretation: report.disagreements for report in reports}


@cache
def findings() -> tuple[Finding, ...]:
    return tuple(find_cases(subject(), audit(), corpora_splits()[1], LIMIT))
