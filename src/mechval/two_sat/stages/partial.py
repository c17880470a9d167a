"""Stage ``partial``: the partial cells of the main interpretation, on held-out formulas."""

import torch

from mechval.axioms.interchange import INTERCHANGES
from mechval.axioms.partial import PARTIALS
from mechval.axioms.partial_cells import evaluate_partial_cells
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import few_bits, main_interpretation
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

READS = ("data", "consolidate|train", "circuit")
SETTINGS = ("problem", "architecture", "axioms", "partial")
TABLES = (PARTIALS, INTERCHANGES)


def run(context: Context) -> None:
    """Measure every cell; write both tables."""
    settings, components = context.settings, load_stage_network(context)
    circuit = load_circuit(context.upstream["circuit"].directory, settings.problem)
    claim = main_interpretation(components, circuit, settings.axioms)
    split = load_stage_split(context, "analysis.test").first(settings.partial.formulas)
    tokens = encode_formulas(settings.problem, torch.from_numpy(split.clause_ids))
    cells = evaluate_partial_cells(
        claim,
        tokens.to(components.device),
        domains=few_bits(claim, components.device),
        confidence=settings.axioms.confidence,
        seed=context.seed,
    )
    cells.save(context.directory)
