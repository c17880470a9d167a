"""Stage ``improve``: programs of evaluate that are fitted to the network, step by step."""

import torch

from mechval import tables
from mechval.pipeline.stage import StageArtifacts
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.improved import fitted
from mechval.two_sat.stages.train import Context, load_stage_network, load_stage_split

TABLES: tuple[tables.Declared, ...] = (fitted.METRICS, fitted.PROGRAMS)


def run(context: Context) -> None:
    """Fit the programs; write them, and how often they err."""
    settings = context.settings
    found = fitted.fit_programs(
        load_stage_network(context),
        settings.problem,
        load_circuit(context.upstream["circuit"].directory, settings.problem),
        load_stage_split(context, "analysis.fit"),
        config=settings.improved,
        seed=context.seed,
        device=torch.device(context.device),
    )
    fitted.save_programs(found, context.directory)
    _write_errors(context, found)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Measure finished programs again."""
    programs = fitted.load_programs(artifacts.directory, context.settings.problem)
    _write_errors(context, programs)


def _write_errors(context: Context, found: fitted.FittedPrograms) -> None:
    problem, device = context.settings.problem, torch.device(context.device)
    errors = fitted.measure_errors(
        load_stage_network(context).to(device),
        problem,
        load_circuit(context.upstream["circuit"].directory, problem),
        found.programs,
        fitted.choosing_formulas(load_stage_split(context, "analysis.fit")),
        device,
    )
    fitted.METRICS.write(errors, context.directory)
