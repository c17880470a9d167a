"""Stage ``axioms``: every interpretation of the circuit, validated on held-out formulas."""

from pathlib import Path

import torch

from mechval.axioms import AxiomReport, cell_rows, report_row, save_disagreements
from mechval.axioms.paired import PAIRED
from mechval.pipeline.stage import StageContext
from mechval.reporting.tables import write_csv, write_json
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.complete_table import CompleteTable, validate_completely
from mechval.two_sat.claim.derivability import derivability_rows
from mechval.two_sat.claim.parts import composition_row, part_rows
from mechval.two_sat.claim.sizes import size_rows
from mechval.two_sat.configs import ReadingName, TwoSatSettings
from mechval.two_sat.formulas.dataset import Split, load_provenance, load_split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.stages.improve import load_stage_programs
from mechval.two_sat.stages.train import load_stage_network

DERIVABILITY_FORMULAS = 20_000
PART_FORMULAS = 64

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Evaluate the suite; write its tables and the disagreements of every formula."""
    settings, device = context.settings, torch.device(context.device)
    data = context.upstream["data"].bulk
    model = load_stage_network(context).to(device)
    circuit = load_circuit(context.upstream["circuit"].directory, settings.problem)
    test = load_split(data, settings.problem, "analysis.test")
    provenance = load_provenance(data, settings.problem)
    natural = provenance.satisfiable_drawn / provenance.formulas_drawn
    table = validate_completely(
        settings,
        model,
        circuit,
        load_stage_programs(context).programs,
        fit=load_split(data, settings.problem, "analysis.fit"),
        test=test,
        natural_share=natural,
        seed=context.seed,
        device=device,
    )
    _write_main(table.main, context.directory)
    _write_variants(table, context.directory)
    write_json(_metrics(table.main, natural), context.directory / "metrics.json")
    _write_parts(context, model, circuit, test)
    sizes = size_rows(model, settings.problem, circuit, _fitted_sizes(table))
    write_csv(sizes, context.directory / "sizes.csv")


def _fitted_sizes(table: CompleteTable) -> dict[tuple[str, ReadingName], int]:
    """Lengths of the programs on the front that the circuit does not hold."""
    held = ("disjunction", "trees", "lookup table")
    return {
        (f"{row['program']} {row['setting']}".rstrip(), table.better_reading): row["bits"]
        for row in table.front
        if row["program"] not in held and isinstance(row["bits"], int)
    }


def _write_main(reports: list[AxiomReport], directory: Path) -> None:
    write_csv([row for report in reports for row in cell_rows(report)], directory / "axioms.csv")
    write_csv([report_row(report) for report in reports], directory / "interpretations.csv")
    audit = directory / "disagreements"
    audit.mkdir()
    for report in reports:
        file_name = report.interpretation.replace("/", "-") + ".safetensors"
        save_disagreements(report, audit / file_name)


def _write_variants(table: CompleteTable, directory: Path) -> None:
    write_csv([row.as_row() for row in table.variants.rows], directory / "variants.csv")
    write_csv([vars(row) for row in table.variants.tolerance], directory / "tolerance.csv")
    PAIRED.write(table.variants.paired, directory)
    write_csv([vars(row) for row in table.surface], directory / "surface.csv")
    write_csv(table.front, directory / "front.csv")
    write_csv(table.choices, directory / "choices.csv")


def _write_parts(context: Context, model: Transformer, circuit: Circuit, test: Split) -> None:
    """Derivability, argued in prose, as numbers: which parts, and how much lies outside."""
    problem, directory = context.settings.problem, context.directory
    confidence, device = context.settings.axioms.confidence, torch.device(context.device)
    sample = test.first(DERIVABILITY_FORMULAS)
    tokens = encode_formulas(problem, torch.from_numpy(test.first(PART_FORMULAS).clause_ids))
    composition = composition_row(model, problem, sample, confidence=confidence, device=device)
    outside = derivability_rows(
        model, problem, circuit, sample, confidence=confidence, device=device
    )
    write_csv(part_rows(model, problem, tokens.to(device)), directory / "parts.csv")
    write_csv([composition], directory / "composition.csv")
    write_csv(outside, directory / "derivability.csv")


def _metrics(reports: list[AxiomReport], natural_share: float) -> dict[str, object]:
    """ε by interpretation, axiom and component, and what the cells were weighted with."""
    epsilons = {
        f"epsilon.{report.interpretation}.{cell.name}": cell.epsilon
        for report in reports
        for cell in report.cells
    }
    return {"natural_satisfiable_share": natural_share, **epsilons}
