"""Stage ``consolidate``: the network trained on towards the interpretation, until it is proved."""

from dataclasses import replace

import torch

from mechval import tables
from mechval.pipeline.stage import StageArtifacts
from mechval.transformer import Transformer, save_weights
from mechval.two_sat.consolidate import network
from mechval.two_sat.consolidate.curve import CURVE, OUTCOME, Measurement, Outcome
from mechval.two_sat.consolidate.roles import ROLES, roles_of
from mechval.two_sat.network.training import WEIGHTS, load_network
from mechval.two_sat.stages.train import (
    Context,
    load_components,
    measure_on_test,
    stage_weights,
)

READS = ("data", "train")
SETTINGS = ("problem", "architecture", "consolidate")
TABLES: tuple[tables.Declared, ...] = (CURVE, ROLES, OUTCOME)


def run(context: Context) -> None:
    """Train, or resume; write the weights, those after each phase, curves and roles."""
    assert context.settings.consolidate is not None
    phases = context.bulk / "phases"
    phases.mkdir()

    def keep(phase: str, model: Transformer) -> None:
        save_weights(model, phases / f"{phase}.safetensors")

    run = replace(_start(context), after_phase=keep)
    model, found = run.model, network.consolidate(run, context.settings.consolidate)
    save_weights(model, context.directory / WEIGHTS)
    CURVE.write(found.curve, context.directory)
    ROLES.write(found.roles.rows(), context.directory)
    _write_outcome(context, model, found.result)


def estimate(context: Context) -> float:
    """Seconds that training would take on this machine."""
    assert context.settings.consolidate is not None
    return network.estimate_seconds(_start(context), context.settings.consolidate)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Measure finished weights again."""
    settings, device = context.settings, torch.device(context.device)
    model = load_components(context, artifacts.directory / WEIGHTS).model
    roles = roles_of(ROLES.read(artifacts.directory), device)
    found = network.measure_network(model, settings.problem, roles, context.seed)
    _write_outcome(context, model, found)


def _start(context: Context) -> network.Run:
    settings, device = context.settings, torch.device(context.device)
    model = load_network(settings.problem, settings.architecture, stage_weights(context))
    return network.Run(model, settings.problem, context.seed, context.scratch, device)


def _write_outcome(context: Context, model: Transformer, found: Measurement) -> None:
    OUTCOME.write(Outcome(measure_on_test(context, model), found), context.directory)
