"""Circuit, translations and axioms of any network in one call, for its training snapshots."""

import copy

import torch

from mechval.axioms import evaluate_axioms
from mechval.axioms.progress import Validation
from mechval.errors import MechvalError
from mechval.modular_addition.circuit.extract import extract_circuit
from mechval.modular_addition.claim.translations import fit_translations
from mechval.modular_addition.claim.validation import batches
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


def assess_network(
    model: Transformer,
    problem: ModularAddition,
    split: Split,
    *,
    circuit: CircuitConfig,
    axioms: AxiomsConfig,
    device: torch.device,
) -> Validation:
    """Fit everything on the train inputs and measure the axioms on the held-out ones.

    A network without key frequencies has no interpretation: the reason is kept. ``facts`` holds
    loss (nats) and accuracy on both parts of the split, and the key frequencies.
    """
    model = model.to(device)
    activations = record_activations(model, problem, device)
    key = extract_circuit(model, problem, activations, circuit).key
    facts = {
        # In float64 a loss of 1e-8 has digits that another machine finds again.
        **measure(problem, copy.deepcopy(model).double(), split, device),
        "n": len(split.test),
        "key_frequencies": " ".join(map(str, key.frequencies.tolist())),
    }
    try:
        translations = fit_translations(
            model, problem, key.frequencies, activations, torch.from_numpy(split.train)
        )
    except MechvalError as refusal:
        return Validation((), dict.fromkeys(_names(axioms), str(refusal)), facts)
    chosen = axioms.model_copy(update={"equivalences": (EQUIVALENCE,)})
    held_out = torch.from_numpy(split.test)
    reports = evaluate_axioms(
        make_interpretations(
            Components(model), problem, translations.to(device), chosen, [READING]
        ),
        batches(problem, held_out, torch.zeros_like(held_out), device),
        strata_names=("held out",),
        mixtures={},
        confidence=axioms.confidence,
        constant_label=translations.constant_label,
    )
    return Validation(tuple(reports), {}, facts)


def _names(axioms: AxiomsConfig) -> list[str]:
    precisions = (rounding(axioms.embedding_decimals), rounding(None))
    return ["/".join((READING, precision, EQUIVALENCE)) for precision in precisions]
