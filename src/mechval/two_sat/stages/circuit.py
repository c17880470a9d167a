"""Stage ``circuit``: what the network computes with, read off its weights and activations."""

import torch

from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_csv, write_json
from mechval.two_sat.circuit.evidence.gather import gather_evidence
from mechval.two_sat.circuit.evidence.record import save_evidence
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.circuit.files import save_circuit
from mechval.two_sat.circuit.tables import assignment_rows, attention_rows, facts, neuron_rows
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import load_split
from mechval.two_sat.stages.train import load_stage_network


def run(context: StageContext[TwoSatSettings]) -> None:
    """Extract the circuit on the fitting split; write it with its tables and the evidence."""
    settings, device = context.settings, torch.device(context.device)
    model = load_stage_network(context).to(device)
    fit, test = (
        load_split(context.upstream["data"].bulk, settings.problem, name)
        for name in ("analysis.fit", "analysis.test")
    )
    circuit = extract_circuit(
        model,
        settings.problem,
        fit,
        config=settings.circuit,
        seed=context.seed,
        device=device,
    )
    save_circuit(circuit, context.directory)
    write_csv(neuron_rows(circuit), context.directory / "neurons.csv")
    write_csv(assignment_rows(circuit), context.directory / "assignments.csv")
    write_csv(attention_rows(circuit), context.directory / "attention.csv")
    write_json(facts(circuit), context.directory / "metrics.json")
    evidence = gather_evidence(model, settings.problem, circuit, fit, test, context.seed, device)
    save_evidence(evidence, context.directory / "evidence")
