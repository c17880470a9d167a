"""Stage ``circuit``: what the network computes with, read off its weights and activations."""

from mechval import tables
from mechval.two_sat.circuit.evidence import gather
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.circuit.files import PROGRAMS, save_circuit
from mechval.two_sat.circuit.mean_activations import record_activations
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

READS = ("data", "consolidate|train")
SETTINGS = ("problem", "architecture", "circuit")
TABLES: tuple[tables.Declared, ...] = (PROGRAMS, gather.FACTS, *gather.TABLES)


def run(context: Context) -> None:
    """Extract the circuit on the fitting split; write it with its tables and the evidence."""
    network, config, seed = load_stage_network(context), context.settings.circuit, context.seed
    fit = load_stage_split(context, "analysis.fit")
    test = load_stage_split(context, "analysis.test")
    activations = record_activations(network, fit)
    circuit = extract_circuit(network, fit, config=config, seed=seed, activations=activations)
    save_circuit(circuit, context.directory)
    facts = gather.circuit_facts(network.model, network.problem, circuit)
    gather.FACTS.write(facts, context.directory)
    measured_on = fit, activations.hidden, test
    evidence = gather.gather_evidence(network, circuit, *measured_on, config.max_leaves, seed)
    (context.directory / "evidence").mkdir()
    for table, rows in evidence.items():
        table.write(rows, context.directory)
