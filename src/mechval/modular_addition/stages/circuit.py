"""Stage ``circuit``: which frequencies the network computes with, and how far that explains it."""

from mechval.modular_addition.circuit import examples, extract, losses
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import load_stage_network

READS = ("data", "train")
SETTINGS = ("problem", "architecture", "circuit")
TABLES = (extract.FREQUENCIES, extract.NEURONS, extract.FACTS, losses.LOSSES)


def run(context: Context) -> None:
    """Extract the circuit on all inputs; write its tables and the examples to look at."""
    problem = context.settings.problem
    # Coefficients that are nearly 0 would be float32's rounding, which differs between machines.
    model = load_stage_network(context).double()
    activations = record_activations(model, problem)
    circuit = extract.extract_circuit(model, problem, activations, context.settings.circuit)
    extract.FREQUENCIES.write(circuit.frequencies, context.directory)
    extract.NEURONS.write(circuit.neurons, context.directory)
    extract.FACTS.write(circuit.facts, context.directory)
    found = losses.losses_of(
        problem, activations.logits, circuit.key.frequencies, load_stage_split(context)
    )
    losses.LOSSES.write(found, context.directory)
    examples.save_examples(examples.pick_examples(problem, activations, circuit), context.directory)
