"""Stage ``circuit``: what the network computes with, read off its weights and activations."""

import torch

from mechval import tables
from mechval.two_sat.circuit.evidence import gather
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.circuit.files import PROGRAMS, save_circuit
from mechval.two_sat.network.components import record_activations
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

TABLES: tuple[tables.Declared, ...] = (PROGRAMS, gather.FACTS, *gather.TABLES)


def run(context: Context) -> None:
    """Extract the circuit on the fitting split; write it with its tables and the evidence."""
    settings, device = context.settings, torch.device(context.device)
    problem, config, seed = settings.problem, settings.circuit, context.seed
    model = load_stage_network(context).to(device)
    fit = load_stage_split(context, "analysis.fit")
    test = load_stage_split(context, "analysis.test")
    activations = record_activations(model, problem, fit, device)
    circuit = extract_circuit(
        model, problem, fit, config=config, seed=seed, device=device, activations=activations
    )
    save_circuit(circuit, context.directory)
    gather.FACTS.write(gather.circuit_facts(model, problem, circuit), context.directory)
    evidence = gather.gather_evidence(
        model,
        problem,
        circuit,
        fit,
        activations.hidden,
        test,
        max_leaves=config.max_leaves,
        seed=seed,
        device=device,
    )
    (context.directory / "evidence").mkdir()
    for table, rows in evidence.items():
        table.write(rows, context.directory)
