"""Stage ``axioms``: the four axioms at every component, on every input, and the controls."""

import torch

from mechval.axioms import report_row, save_disagreements
from mechval.modular_addition.circuit.files import load_key_frequencies
from mechval.modular_addition.claim.controls import (
    decimal_rows,
    embedding_readers,
    half_of_the_numbers,
    reader_row,
    sum_readers,
)
from mechval.modular_addition.claim.fitting import fit_translations
from mechval.modular_addition.claim.validation import validate, validation_rows
from mechval.modular_addition.configs import ModularAdditionSettings
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.network.dataset import load_split
from mechval.modular_addition.stages.train import load_stage_network
from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_csv, write_json


def run(context: StageContext[ModularAdditionSettings]) -> None:
    """Fit the translations on the train inputs, evaluate the suite on all, write the tables."""
    settings, device = context.settings, torch.device(context.device)
    problem, config = settings.problem, settings.axioms
    model = load_stage_network(context).to(device)
    train = torch.from_numpy(load_split(context.upstream["data"].directory, problem).train)
    frequencies = load_key_frequencies(context.upstream["circuit"].directory)
    activations = record_activations(model, problem, device)
    generator = torch.Generator().manual_seed(context.seed)
    half = half_of_the_numbers(problem, generator)
    translations = fit_translations(model, problem, frequencies, activations, train, half=half)
    found = validate(model, problem, translations, config, train=train, half=half, device=device)
    rows = validation_rows(found, translations)
    write_csv(rows, context.directory / "axioms.csv")
    write_csv(
        [report_row(report) for report in found.on_all], context.directory / "interpretations.csv"
    )
    readers = [
        *embedding_readers(model, problem, frequencies, half, generator),
        *sum_readers(model, problem, frequencies, activations, train, generator, device),
    ]
    write_csv([reader_row(reader) for reader in readers], context.directory / "translations.csv")
    write_csv(
        [
            row
            for reader in readers
            for row in decimal_rows(reader, problem.p, config.curve_decimals, config.confidence)
        ],
        context.directory / "decimals.csv",
    )
    save_disagreements(found.on_all[0], context.directory / "disagreements.safetensors")
    write_json(
        {
            f"epsilon.{row['inputs']}.{row['interpretation']}.{row['axiom_name']}/"
            f"{row['component']}": row["epsilon"]
            for row in rows
        },
        context.directory / "metrics.json",
    )
