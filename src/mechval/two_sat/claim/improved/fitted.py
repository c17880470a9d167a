"""Fitting the programs that evaluate better than trees, keeping them, and how often they err.

The fit goes step by step, so that another processor's rounding leads to another program; fitted
programs are therefore kept like trained weights, and measured again rather than fitted again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch

from mechval import tables
from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit, Reading
from mechval.two_sat.claim.bench import written_pairs
from mechval.two_sat.claim.improved import fits
from mechval.two_sat.claim.improved.starts import mirrored_start, voting_start
from mechval.two_sat.claim.sizes import in_batches
from mechval.two_sat.configs import ImprovedConfig, ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import AnswerState, Components, record_answer_states
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.mirrored import AnyVoting, MirroredProgram
from mechval.two_sat.programs.voting import TABLES, VotingProgram, clause_counts

CHOOSING_FORMULAS = 20_000
"""The last of the fitting split; at the paper's size no program was fitted to them."""

BUDGET = 1_000_000
"""The most that is fitted to one network: steps of all descents, times neurons. A count and no
time, so that results do not depend on how fast a machine is."""

_logger = logging.getLogger(__name__)

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
    components: Components, circuit: Circuit, fit: Split, *, config: ImprovedConfig, seed: int
) -> FittedPrograms:
    """Fit a voting program for each of ``config.widths``, named ``<width> bits``, and mirrored ones
    named ``price <price>``, to the bits of the first reading on the first fitting formulas. The
    network comes back on the CPU. Nothing is fitted where that would cost more than ``BUDGET``, a
    cut is not positive, or some neuron's bit never changes."""
    first, chosen = fit.first(config.formulas), circuit.readings[improved_reading(circuit)]
    states, problem = record_answer_states(components, first), components.problem
    model = components.model.cpu()
    targets = fit_targets(model, problem, chosen, first, states)
    found: dict[str, AnyVoting] = {}
    try:
        _require_budget(config, len(chosen.neurons))
        start = voting_start(model, problem, circuit, chosen, config.feature_share)
        for width in config.widths:
            found[f"{width} bits"] = fits.fit_voting_program(
                problem,
                targets,
                start,
                bits_each=table_widths(width),
                descent=fits.MinibatchDescent(config.steps, batch_size=2000, rate=0.02),
                seed=seed,
            )
        found |= fits.fit_mirrored_programs(
            targets,
            mirrored_start(problem, start, chosen.disjunctions.assignments, config.feature_share),
            prices=fits.PRICES,
            real=fits.MinibatchDescent(config.steps, batch_size=1000, rate=0.02),
            rounded=fits.MinibatchDescent(config.steps, batch_size=1000, rate=0.01),
            seed=seed,
        )
    except MechvalError as refusal:
        return FittedPrograms(refusal=str(refusal))
    return FittedPrograms(found)


def _require_budget(config: ImprovedConfig, n_neurons: int) -> None:
    cost = config.steps * (len(config.widths) + 1 + len(fits.PRICES)) * n_neurons
    told = f"{n_neurons} neurons cost {cost:,} steps times neurons of a budget of {BUDGET:,}"
    _logger.info("improve: %s", told)
    if cost > BUDGET:
        raise MechvalError(f"improved.steps={config.steps} is not allowed here; {told}.")


@torch.no_grad()
def fit_targets(
    model: Transformer, problem: Problem, reading: Reading, split: Split, states: AnswerState
) -> fits.FitTargets:
    """What programs are fitted to: the neurons of a reading, at the network's ``states`` at cut 2
    on ``split``, by their pre-activation, before the ReLU hides it below 0."""
    mlp, neurons, cut = model.block(1).mlp, reading.neurons, reading.levels.cut
    own = states.resid_mid @ mlp.W_in[:, neurons].cpu() + mlp.b_in[neurons].cpu()
    counts = clause_counts(problem, written_pairs(problem, split))
    return fits.FitTargets(counts, (own - cut) / cut)


def table_widths(width: int) -> dict[str, int]:
    """Bits of an integer of each table: ``width``, and two more where every vote rests on them."""
    return {name: width + 2 * (name in _FINER) for name in TABLES}


def measure_errors(
    components: Components, circuit: Circuit, programs: Mapping[str, AnyVoting], split: Split
) -> FitMetrics:
    """Run every program on ``split`` beside the network."""
    chosen = circuit.readings[improved_reading(circuit)]
    read = chosen.bits(record_answer_states(components, split).hidden)
    pairs = written_pairs(components.problem, split)
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
