"""What the hidden neurons write to the ``s`` logit, and what they respond to.

Source: PAPER.md section 2, circuit evidence.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mechval.reporting.tables import Row
from mechval.two_sat.circuit.evidence.record import Evidence, Fact
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.neurons import NeuronEffects
from mechval.two_sat.programs.evaluate import mean_activation_by_assignment


def coefficient_evidence(effects: NeuronEffects) -> Evidence:
    """Weight of every hidden neuron on the ``s`` logit, largest first.

    The facts part the neurons by the paper's rule: those whose largest effect exceeds 0.1.
    """
    evaluating = set(effects.evaluating("paper").tolist())
    order = effects.coefficient.sort(descending=True, stable=True).indices.tolist()
    rows: list[Row] = [
        {
            "neuron": neuron,
            "coefficient": float(effects.coefficient[neuron]),
            "max_activation": float(effects.max_activation[neuron]),
            "effect": float(effects.effect[neuron]),
            "evaluates": neuron in evaluating,
        }
        for neuron in order
    ]
    chosen = effects.coefficient[sorted(evaluating)]
    idle = effects.coefficient[[neuron for neuron in order if neuron not in evaluating]]
    sizes = [*idle.abs().sort(descending=True).values.tolist(), 0.0, 0.0]
    facts = {
        "coefficients.evaluating_neurons": Fact(float(len(evaluating))),
        "coefficients.largest_idle": Fact(sizes[0]),
        "coefficients.second_largest_idle": Fact(sizes[1]),
    }
    if len(chosen):
        facts["coefficients.smallest_evaluating"] = Fact(float(chosen.min()))
    return Evidence({"coefficients": rows}, facts)


def assignment_evidence(
    circuit: Circuit,
    hidden: Float[Tensor, "formula d_mlp"],
    truth_tables: Bool[Tensor, "formula assignment"],
) -> Evidence:
    """Mean activations over the formulas that each assignment satisfies, and their total effect.

    The total effect sums activation times coefficient over all hidden neurons, in logits on ``s``.
    """
    means = mean_activation_by_assignment(hidden, truth_tables)
    effect = circuit.effects.coefficient.double() @ means.double()
    n_formulas = truth_tables.sum(dim=0)
    chosen = torch.cat([reading.neurons for reading in circuit.readings.values()]).unique()
    rows: list[Row] = [
        {"neuron": neuron, **{f"a{index}": value for index, value in enumerate(row.tolist())}}
        for neuron, row in zip(chosen.tolist(), means[chosen], strict=True)
    ]
    effects: list[Row] = [
        {
            "assignment": assignment,
            "total_effect": float(effect[assignment]),
            "n": int(n_formulas[assignment]),
        }
        for assignment in range(len(effect))
    ]
    return Evidence(
        {"mean_activations": rows, "assignment_effects": effects},
        {"assignments.smallest_total_effect": Fact(float(effect.min()), len(hidden))},
    )
