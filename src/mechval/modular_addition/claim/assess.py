"""Circuit, translations and axioms of any network in one call, for its training snapshots."""

import copy
from dataclasses import dataclass
from typing import Any

from mechval import tables
from mechval.axioms.progress import SnapshotRow, Validation
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.extract import extract_circuit
from mechval.modular_addition.circuit.program_waves import MAIN, Selection, select_waves
from mechval.modular_addition.claim.translations import fit_translations
from mechval.modular_addition.claim.validation import evaluate_on
from mechval.modular_addition.configs import AxiomsConfig, CircuitConfig, Reading, SumEquivalence
from mechval.modular_addition.interpretation import make_interpretations, rounding
from mechval.modular_addition.network.components import Components, record_activations
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.network.training import measure
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer

# The α_1 that can fail: regressed on all numbers it reads any embedding (deviation D4).
READING: Reading = "pseudo_inverse"
# The paper's equivalence of sums: any other is stricter than the answer needs.
EQUIVALENCE: SumEquivalence = "downstream"


@dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """Losses (nats) and accuracies on both parts of the split (``n`` inputs are held out)."""

    train_loss: float
    test_loss: float
    train_accuracy: float = tables.rate()
    test_accuracy: float = tables.rate()
    n: int
    key_frequencies: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class AssessedSnapshot(NetworkFacts, SnapshotRow):
    """What is told of the network of one snapshot."""


SNAPSHOTS = tables.Table("progress/snapshots.csv", AssessedSnapshot)


def assess_network(
    model: Transformer,
    problem: ModularAddition,
    split: Split,
    circuit: CircuitConfig,
    axioms: AxiomsConfig,
) -> Validation[NetworkFacts]:
    """Fit everything on the train inputs and measure the axioms on the held-out ones.

    A network without key frequencies has no interpretation, and one that never gives the answer it
    gives most often on the train inputs is not judged: the reason is kept.
    """
    activations = record_activations(model, problem)
    found = extract_circuit(model, problem, activations, circuit)
    key = tuple(found.key.frequencies.tolist())
    # In float64 a loss of 1e-8 has digits that another machine finds again.
    measured: dict[str, Any] = measure(problem, copy.deepcopy(model).double(), split)
    facts = NetworkFacts(**measured, n=len(split.test), key_frequencies=key)
    chosen = axioms.model_copy(update={"equivalences": (EQUIVALENCE,)})
    selections = select_waves(problem.p, found.frequencies)
    selection = selections[0] if selections else Selection.of([])
    try:
        fitted = fit_translations(model, problem, selection, activations, split.train)
        claimed = make_interpretations(Components(model), problem, fitted, chosen, [READING])
        judged_by = (axioms.confidence, fitted.constant_label)
        reports = evaluate_on({"held out": split.test}, claimed, problem, *judged_by)
    except MechvalError as refusal:
        precisions = (rounding(axioms.embedding_decimals), rounding(None))
        names = ["/".join((MAIN, READING, precision, EQUIVALENCE)) for precision in precisions]
        return Validation((), dict.fromkeys(names, str(refusal)), facts)
    return Validation(tuple(reports), {}, facts)
