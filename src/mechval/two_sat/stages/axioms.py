"""Stage ``axioms``: every interpretation of the circuit, validated on held-out formulas."""

from collections.abc import Iterator

import torch

from mechval.axioms import (
    AxiomReport,
    Batch,
    cell_rows,
    evaluate_axioms,
    report_row,
    save_disagreements,
)
from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_csv, write_json
from mechval.transformer import Transformer
from mechval.two_sat.activations import token_batches
from mechval.two_sat.circuit import Circuit
from mechval.two_sat.circuit_files import load_circuit
from mechval.two_sat.components import Components
from mechval.two_sat.dataset import Split, load_provenance, load_split
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.settings import TwoSatSettings
from mechval.two_sat.stages.train import load_stage_network

CLASSES = ("UNSAT", "SAT")


def run(context: StageContext[TwoSatSettings]) -> None:
    """Evaluate the suite; write its tables and the disagreements of every formula."""
    settings, device = context.settings, torch.device(context.device)
    data = context.upstream["data"].bulk
    model = load_stage_network(context).to(device)
    circuit = load_circuit(context.upstream["circuit"].directory, settings.problem)
    split = load_split(data, settings.problem, "analysis.test")
    provenance = load_provenance(data, settings.problem)
    natural = provenance.satisfiable_drawn / provenance.formulas_drawn
    reports = validate(settings, model, circuit, split, natural_share=natural, device=device)
    write_csv(
        [row for report in reports for row in cell_rows(report)], context.directory / "axioms.csv"
    )
    write_csv([report_row(report) for report in reports], context.directory / "interpretations.csv")
    write_json(_metrics(reports, natural), context.directory / "metrics.json")
    audit = context.directory / "disagreements"
    audit.mkdir()
    for report in reports:
        file_name = report.interpretation.replace("/", "-") + ".safetensors"
        save_disagreements(report, audit / file_name)


def validate(
    settings: TwoSatSettings,
    model: Transformer,
    circuit: Circuit,
    split: Split,
    *,
    natural_share: float,
    device: torch.device,
) -> list[AxiomReport]:
    """Run the axiom suite on ``split`` for every interpretation the settings ask for.

    Args:
        natural_share: share of satisfiable formulas among independent draws, for reweighting.
    """
    interpretations = make_interpretations(
        Components(model, settings.problem),
        settings.problem,
        circuit,
        versions=settings.axioms.versions,
        residuals=settings.axioms.residuals,
        device=device,
    )
    unsatisfiable, satisfiable = CLASSES
    return evaluate_axioms(
        interpretations,
        _batches(settings, split, device),
        strata_names=CLASSES,
        mixtures={
            "balanced": {unsatisfiable: 0.5, satisfiable: 0.5},
            "natural": {unsatisfiable: 1 - natural_share, satisfiable: natural_share},
        },
        confidence=settings.axioms.confidence,
        constant_label=circuit.majority_label,
    )


def _batches(settings: TwoSatSettings, split: Split, device: torch.device) -> Iterator[Batch]:
    for tokens, satisfiable in token_batches(settings.problem, split, device, "axioms"):
        yield Batch(tokens, satisfiable.long())


def _metrics(reports: list[AxiomReport], natural_share: float) -> dict[str, object]:
    """ε by interpretation, axiom and component, and what the cells were weighted with."""
    epsilons = {
        f"epsilon.{report.interpretation}.{cell.name}": cell.epsilon
        for report in reports
        for cell in report.cells
    }
    return {"natural_satisfiable_share": natural_share, **epsilons}
