"""Stage ``axioms``: the four axioms at every component, on every input, and the controls."""

import torch

from mechval import axioms
from mechval.modular_addition.circuit.extract import FREQUENCIES
from mechval.modular_addition.circuit.program_waves import select_waves
from mechval.modular_addition.claim import controls, validation
from mechval.modular_addition.claim.translations import fit_translations
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.stages.data import Context, load_stage_split
from mechval.modular_addition.stages.train import load_stage_network

READS = ("data", "train", "circuit")
SETTINGS = ("problem", "architecture", "axioms")
TABLES = (
    axioms.CELLS,
    axioms.INTERPRETATIONS,
    controls.READINGS,
    controls.DECIMALS,
    validation.HEADLINES,
)


def run(context: Context) -> None:
    """Fit the translations on the train inputs, evaluate the suite on all, write the tables."""
    problem, config = context.settings.problem, context.settings.axioms
    model = load_stage_network(context)
    split = load_stage_split(context)
    found = FREQUENCIES.read(context.upstream["circuit"].directory)
    selections = select_waves(problem.p, found)
    activations = record_activations(model, problem)
    generator = torch.Generator().manual_seed(context.seed)
    half = controls.half_of_the_numbers(problem, generator)
    fitted = [
        fit_translations(model, problem, selection, activations, split.train, half=half)
        for selection in selections
    ]
    validated = validation.validate(model, problem, fitted, config, split, half)
    axioms.CELLS.write(validated.cells, context.directory)
    axioms.INTERPRETATIONS.write(validated.on_all, context.directory)
    if validated.on_all:
        axioms.save_disagreements(validated.on_all[:1], context.directory)
    validation.HEADLINES.write(validated.headlines, context.directory)
    # The controls are those of the main program.
    readers = [
        reader
        for selection in selections[:1]
        for reader in (
            *controls.embedding_readers(model, problem, selection.held, half, generator),
            *controls.sum_readers(model, problem, selection.added, activations, split, generator),
        )
    ]
    controls.READINGS.write(map(controls.reading_row, readers), context.directory)
    rows = (
        row
        for reader in readers
        for row in controls.decimal_rows(
            reader, problem.p, config.curve_decimals, config.confidence
        )
    )
    controls.DECIMALS.write(rows, context.directory)
