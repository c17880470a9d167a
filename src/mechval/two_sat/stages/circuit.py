"""Stage ``circuit``: what the network computes with, read off its weights and activations."""

import torch

from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_csv, write_json
from mechval.two_sat.circuit import extract_circuit
from mechval.two_sat.circuit_files import save_circuit
from mechval.two_sat.circuit_tables import assignment_rows, attention_rows, facts, neuron_rows
from mechval.two_sat.dataset import load_split
from mechval.two_sat.settings import TwoSatSettings
from mechval.two_sat.stages.train import load_stage_network


def run(context: StageContext[TwoSatSettings]) -> None:
    """Extract the circuit on the fitting split and write it with its tables."""
    settings, device = context.settings, torch.device(context.device)
    model = load_stage_network(context).to(device)
    split = load_split(context.upstream["data"].bulk, settings.problem, "analysis.fit")
    circuit = extract_circuit(
        model,
        settings.problem,
        split,
        config=settings.circuit,
        seed=context.seed,
        device=device,
    )
    save_circuit(circuit, context.directory)
    write_csv(neuron_rows(circuit), context.directory / "neurons.csv")
    write_csv(assignment_rows(circuit), context.directory / "assignments.csv")
    write_csv(attention_rows(circuit), context.directory / "attention.csv")
    write_json(facts(circuit), context.directory / "metrics.json")
