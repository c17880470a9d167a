"""Stage ``circuit``: which frequencies the network computes with, and how far that explains it."""

import torch

from mechval.modular_addition.circuit import examples, losses, tables
from mechval.modular_addition.circuit.extract import extract_circuit
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import load_stage_network

TABLES = (tables.FREQUENCIES, tables.NEURONS, tables.FACTS, losses.LOSSES)


def run(context: Context) -> None:
    """Extract the circuit on all inputs; write its tables and the examples to look at."""
    problem, device = context.settings.problem, torch.device(context.device)
    # Coefficients that are nearly 0 would be float32's rounding, which differs between machines.
    model = load_stage_network(context).double().to(device)
    activations = record_activations(model, problem, device)
    circuit = extract_circuit(model, problem, activations, context.settings.circuit)
    tables.FREQUENCIES.write(tables.frequency_rows(circuit), context.directory)
    tables.NEURONS.write(tables.neuron_rows(circuit), context.directory)
    tables.FACTS.write(tables.circuit_facts(circuit), context.directory)
    found = losses.losses_of(
        problem, activations.logits, circuit.key.frequencies, load_stage_split(context)
    )
    losses.LOSSES.write(found, context.directory)
    examples.save_examples(examples.pick_examples(problem, activations, circuit), context.directory)
