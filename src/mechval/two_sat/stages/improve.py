"""Stage ``improve``: programs of evaluate that are fitted to the network, step by step."""

import torch

from mechval import tables
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.improved import fitted
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import Split, load_split
from mechval.two_sat.stages.train import load_stage_network

TABLES: tuple[tables.Declared, ...] = (fitted.METRICS, fitted.PROGRAMS)

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Fit the programs; write them, and how often they err."""
    settings = context.settings
    found = fitted.fit_programs(
        load_stage_network(context),
        settings.problem,
        load_circuit(context.upstream["circuit"].directory, settings.problem),
        _fitting_split(context),
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


def load_stage_programs(context: Context) -> fitted.FittedPrograms:
    """The programs that the finished stage of this run left."""
    return fitted.load_programs(context.upstream["improve"].directory, context.settings.problem)


def _write_errors(context: Context, found: fitted.FittedPrograms) -> None:
    problem, device = context.settings.problem, torch.device(context.device)
    errors = fitted.measure_errors(
        load_stage_network(context).to(device),
        problem,
        load_circuit(context.upstream["circuit"].directory, problem),
        found.programs,
        fitted.choosing_formulas(_fitting_split(context)),
        device,
    )
    fitted.METRICS.write(errors, context.directory)


def _fitting_split(context: Context) -> Split:
    return load_split(context.upstream["data"].bulk, context.settings.problem, "analysis.fit")
