"""Fitting the programs that evaluate better than trees, keeping them, and how often they err.

The fit goes step by step, so that another processor's rounding leads to another program; fitted
programs are therefore kept like trained weights, and measured again rather than fitted again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from mechval import tables
from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.bench import written_pairs
from mechval.two_sat.claim.improved import mirrored_fit
from mechval.two_sat.claim.improved.mirrored_fit import MirroredFit
from mechval.two_sat.claim.improved.starts import mirrored_start, voting_start
from mechval.two_sat.claim.improved.voting_fit import FitTargets, VotingFit, fit_voting_program
from mechval.two_sat.claim.sizes import in_batches
from mechval.two_sat.configs import ImprovedConfig, ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import AnswerState, record_answer_states
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.mirrored import AnyVoting, MirroredProgram
from mechval.two_sat.programs.voting import TABLES, VotingProgram, clause_counts

CHOOSING_FORMULAS = 20_000
"""The last of the fitting split; at the paper's size no program was fitted to them."""

_Kinds: TypeAlias = Mapping[str, type[VotingProgram] | type[MirroredProgram]]
_KINDS: _Kinds = {"voting": VotingProgram, "mirrored": MirroredProgram}
_FINER = ("salience", "features", "bias")


@dataclass(frozen=True)
class FittedPrograms:
    """The programs of one reading by name; where the rules refuse, none, and why."""

    programs: Mapping[str, AnyVoting] = field(default_factory=dict)
    refusal: str | None = None


@dataclass(frozen=True)
class ProgramErrors:
    """How long a program is, and on how many formulas some neuron's bit is not its."""

    bits: int = tables.told(unit="bits")
    n: int = tables.told("N")
    wrong_count: int = tables.count()


@dataclass(frozen=True)
class FitMetrics:
    """By the program's name."""

    programs: Mapping[str, ProgramErrors]


@dataclass(frozen=True)
class SavedPrograms:
    """By the program's name: its kind and its tables as plain integers."""

    refusal: str | None = tables.told()
    programs: Mapping[str, Mapping[str, Any]] = tables.told()


METRICS = tables.Record("improve/metrics.json", FitMetrics)
PROGRAMS = tables.Record("improve/voting.json", SavedPrograms)


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
    """Fit every voting program to the first fitting formulas; the network comes back on the CPU."""
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
            mirrored=MirroredFit(real_steps=config.steps, steps=config.steps),
            seed=seed,
        )
    except MechvalError as refusal:
        return FittedPrograms(refusal=str(refusal))
    return FittedPrograms(found)


def fit_ladder(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    reading: ReadingName,
    split: Split,
    states: AnswerState,
    *,
    ladder: Sequence[int],
    fit: VotingFit,
    mirrored: MirroredFit | None = None,
    seed: int,
) -> dict[str, AnyVoting]:
    """Fit one voting program per width to the bits of a reading; named ``<width> bits``.
    ``states``: at cut 2, of the network on ``split``. ``ladder``: widths of a vote in bits, from 2
    up; tables that every vote rests on get two more. ``mirrored``: how long mirrored programs are
    fitted, named ``price <price>``; None for none. Raises MechvalError for a cut that is not
    positive, and as :func:`fit_voting_program`."""
    chosen, mlp = circuit.readings[reading], model.block(1).mlp
    with torch.no_grad():  # The pre-activation, before the ReLU hides it below 0.
        own = states.resid_mid @ mlp.W_in[:, chosen.neurons].cpu() + mlp.b_in[chosen.neurons].cpu()
        excess = (own - chosen.levels.cut) / chosen.levels.cut
    targets = FitTargets(clause_counts(problem, written_pairs(problem, split)), excess)
    start = voting_start(model, problem, circuit, chosen)
    found: dict[str, AnyVoting] = {}
    for width in ladder:
        bits_each = {name: width + 2 * (name in _FINER) for name in TABLES}
        found[f"{width} bits"] = fit_voting_program(
            problem, targets, start, bits_each=bits_each, fit=fit, seed=seed
        )
    if mirrored is not None:
        found |= mirrored_fit.fit_mirrored_programs(
            targets,
            mirrored_start(problem, start, chosen.disjunctions.assignments),
            prices=mirrored_fit.PRICES,
            fit=mirrored,
            seed=seed,
        )
    return found


def measure_errors(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    programs: Mapping[str, AnyVoting],
    split: Split,
    device: torch.device,
) -> FitMetrics:
    """Run every program on ``split`` beside the network."""
    chosen = circuit.readings[improved_reading(circuit)]
    hidden = record_answer_states(model, problem, split, device).hidden
    read = hidden[:, chosen.neurons] >= chosen.levels.cut
    pairs = written_pairs(problem, split)
    return FitMetrics(
        {
            name: ProgramErrors(
                bits=program.size_bits(),
                n=len(split),
                wrong_count=int((in_batches(program.bits, pairs) != read).any(dim=1).sum()),
            )
            for name, program in programs.items()
        }
    )


def save_programs(fitted: FittedPrograms, directory: Path) -> None:
    """Write the programs; half-precision steps have no more digits than are kept."""
    kinds = {made: name for name, made in _KINDS.items()}
    programs = {
        name: {"kind": kinds[type(program)], **program.to_json()}
        for name, program in fitted.programs.items()
    }
    PROGRAMS.write(SavedPrograms(fitted.refusal, programs), directory)


def load_programs(directory: Path, problem: Problem) -> FittedPrograms:
    """Read what :func:`save_programs` wrote. Raises MechvalError if the file is no such file, or a
    program in it has other tables."""
    saved = PROGRAMS.read(directory)
    programs: dict[str, AnyVoting] = {}
    for name, values in saved.programs.items():
        kept = dict(values)
        kind = str(kept.pop("kind", None))
        if kind not in _KINDS:
            raise MechvalError(
                f"{PROGRAMS.file} holds a program of kind {kind!r}; allowed: {', '.join(_KINDS)}."
            )
        programs[name] = _KINDS[kind].from_json(kept, problem)
    return FittedPrograms(programs, saved.refusal)
