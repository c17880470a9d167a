"""Stage ``improve``: programs of evaluate that are fitted to the network, step by step."""

import torch

from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.tables import write_json
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.improved.programs import (
    FittedPrograms,
    choosing_formulas,
    error_rows,
    fit_programs,
    load_programs,
    save_programs,
)
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import Split, load_split
from mechval.two_sat.stages.train import load_stage_network

PROGRAMS = "voting.json"

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Fit the programs; write them, and how often they err."""
    settings = context.settings
    fitted = fit_programs(
        load_stage_network(context),
        settings.problem,
        load_circuit(context.upstream["circuit"].directory, settings.problem),
        _fitting_split(context),
        config=settings.improved,
        seed=context.seed,
        device=torch.device(context.device),
    )
    save_programs(fitted, context.directory / PROGRAMS)
    _write_errors(context, fitted)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Measure finished programs again."""
    _write_errors(context, load_programs(artifacts.directory / PROGRAMS, context.settings.problem))


def load_stage_programs(context: Context) -> FittedPrograms:
    """The programs that the finished stage of this run left."""
    return load_programs(context.upstream["improve"].directory / PROGRAMS, context.settings.problem)


def _write_errors(context: Context, fitted: FittedPrograms) -> None:
    problem, device = context.settings.problem, torch.device(context.device)
    rows = error_rows(
        load_stage_network(context).to(device),
        problem,
        load_circuit(context.upstream["circuit"].directory, problem),
        fitted.programs,
        choosing_formulas(_fitting_split(context)),
        device,
    )
    write_json(rows, context.directory / "metrics.json")


def _fitting_split(context: Context) -> Split:
    return load_split(context.upstream["data"].bulk, context.settings.problem, "analysis.fit")
