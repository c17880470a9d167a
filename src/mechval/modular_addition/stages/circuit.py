"""Stage ``circuit``: which frequencies the network computes with, and how far that explains it."""

import torch

from mechval.modular_addition.circuit.extract import extract_circuit
from mechval.modular_addition.circuit.files import LOSSES, circuit_facts, save_circuit
from mechval.modular_addition.circuit.losses import loss_rows, parts_of_inputs
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import load_split
from mechval.modular_addition.report.figures.examples import (
    draw_logit_spectrum,
    draw_neurons_over_inputs,
)
from mechval.modular_addition.stages.train import load_stage_network
from mechval.pipeline.stage import StageContext
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.tables import write_csv, write_json


def run(context: StageContext[ModularAdditionSettings]) -> None:
    """Extract the circuit on all inputs and write its tables and examples for the figures."""
    problem, device = context.settings.problem, torch.device(context.device)
    # Coefficients that are nearly 0 would be float32's rounding, which differs between machines.
    model = load_stage_network(context).double().to(device)
    split = load_split(context.upstream["data"].directory, problem)
    activations = record_activations(model, problem, device)
    circuit = extract_circuit(model, problem, activations, context.settings.circuit)
    save_circuit(circuit, context.directory)
    parts = parts_of_inputs(problem, split)
    losses = loss_rows(problem, activations.logits, circuit.key.frequencies, parts)
    write_csv(losses, context.directory / LOSSES)
    write_json(circuit_facts(circuit), context.directory / "metrics.json")
    figures = context.directory / "figures"
    figures.mkdir()
    with figure_style():
        spectrum = draw_logit_spectrum(problem, activations.logits)
        save_figure(spectrum, figures, "logit-spectrum")
        if torch.isin(circuit.neurons.frequency, circuit.key.frequencies).any():
            examples = draw_neurons_over_inputs(
                problem, activations, circuit.neurons, circuit.key.frequencies
            )
            save_figure(examples, figures, "neurons-over-inputs")
