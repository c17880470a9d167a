"""Fitting the programs that evaluate better than trees, keeping them, and how often they err.

The fit goes step by step, so that another processor's rounding leads to another program; fitted
programs are therefore kept like trained weights, and measured again rather than fitted again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from mechval.errors import MechvalError
from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.improved.fitting import VotingFit
from mechval.two_sat.claim.improved.front import AnyVoting, in_batches, written_pairs
from mechval.two_sat.claim.improved.ladder import fit_ladder
from mechval.two_sat.claim.improved.mirrored_fitting import MirroredFit
from mechval.two_sat.configs import ImprovedConfig, ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.activations import record_answer_states
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.mirrored import MirroredProgram
from mechval.two_sat.programs.voting import VotingProgram

CHOOSING_FORMULAS = 20_000
"""The last of the fitting split; at the paper's size no program was fitted to them."""

_Kinds: TypeAlias = Mapping[str, type[VotingProgram] | type[MirroredProgram]]
_KINDS: _Kinds = {"voting": VotingProgram, "mirrored": MirroredProgram}


@dataclass(frozen=True)
class FittedPrograms:
    """The programs of one reading by name; where the rules refuse, none, and why."""

    programs: Mapping[str, AnyVoting] = field(default_factory=dict)
    refusal: str | None = None


def improved_reading(circuit: Circuit) -> ReadingName:
    """The reading that better programs are looked for: the first."""
    return next(iter(circuit.readings))


def choosing_formulas(fit: Split) -> Split:
    """The fitting formulas that candidates are compared on."""
    return fit.last(min(CHOOSING_FORMULAS, len(fit)))


def fit_programs(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    fit: Split,
    *,
    config: ImprovedConfig,
    seed: int,
    device: torch.device,
) -> FittedPrograms:
    """Fit every voting program to the first fitting formulas; the network comes back on the CPU.

    Args:
        seed: of the batches.
    """
    first = fit.first(config.formulas)
    states = record_answer_states(model, problem, first, device)
    try:
        found = fit_ladder(
            model.cpu(),
            problem,
            circuit,
            improved_reading(circuit),
            first,
            states,
            ladder=config.widths,
            fit=VotingFit(steps=config.steps),
            mirrored=MirroredFit.lasting(config.steps),
            seed=seed,
        )
    except MechvalError as refusal:
        return FittedPrograms(refusal=str(refusal))
    return FittedPrograms(found)


def error_rows(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    programs: Mapping[str, AnyVoting],
    split: Split,
    device: torch.device,
) -> dict[str, Row]:
    """For each program, its length and the formulas on which some neuron's bit is not its.

    Columns ``bits``, ``n``, ``wrong_count``.
    """
    chosen = circuit.readings[improved_reading(circuit)]
    hidden = record_answer_states(model, problem, split, device).hidden
    read = hidden[:, chosen.neurons] >= chosen.levels.cut
    pairs = written_pairs(problem, split)
    return {
        name: {
            "bits": program.size_bits(),
            "n": len(split),
            "wrong_count": int((in_batches(program.bits, pairs) != read).any(dim=1).sum()),
        }
        for name, program in programs.items()
    }


def save_programs(fitted: FittedPrograms, path: Path) -> None:
    """Write the programs as plain integers (JSON)."""
    kinds = {made: name for name, made in _KINDS.items()}
    programs = {
        name: {"kind": kinds[type(program)], **program.to_json()}
        for name, program in fitted.programs.items()
    }
    content = {"refusal": fitted.refusal, "programs": programs}
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_programs(path: Path, problem: Problem) -> FittedPrograms:
    """Read what :func:`save_programs` wrote.

    Raises:
        MechvalError: if the file is no such file, or a program in it has other tables.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        named, refusal = content["programs"], content["refusal"]
        programs = {name: _read(values, problem) for name, values in named.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MechvalError(
            f"{path} does not hold voting programs ({error!r}); allowed: the file that stage "
            "improve writes."
        ) from error
    return FittedPrograms(programs, refusal)


def _read(values: Mapping[str, Any], problem: Problem) -> AnyVoting:
    kind, tables = values["kind"], {key: value for key, value in values.items() if key != "kind"}
    return _KINDS[kind].from_json(tables, problem)
