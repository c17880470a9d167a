"""Voting programs of several sizes for one reading, and everything they are fitted on."""

from collections.abc import Sequence

import torch

from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.claim.improved.fitting import FitTargets, VotingFit, fit_voting_program
from mechval.two_sat.claim.improved.front import AnyVoting, written_pairs
from mechval.two_sat.claim.improved.mirrored_fitting import (
    PRICES,
    MirroredFit,
    fit_mirrored_programs,
)
from mechval.two_sat.claim.improved.mirrored_start import mirrored_start
from mechval.two_sat.claim.improved.voting_start import voting_start
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import AnswerState
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.voting import TABLES, clause_counts

LADDER = (4, 5, 6, 8)
"""Widths of a vote in bits, its sign included."""
_FINER = ("salience", "features", "bias")


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

    Args:
        split: the fitting split.
        states: the network's states at cut 2 on it (``record_answer_states``).
        ladder: widths of a vote, from 2 bits up.
        mirrored: how long mirrored programs are fitted, named ``price <price>``; None for none.

    Raises:
        MechvalError: see :func:`voting_start` and :func:`fit_voting_program`.
    """
    targets = fit_targets(model, problem, circuit, reading, split, states)
    chosen = circuit.readings[reading]
    start = voting_start(model, problem, circuit, chosen)
    found: dict[str, AnyVoting] = {
        f"{width} bits": fit_voting_program(
            problem, targets, start, bits_each=widths(width), fit=fit, seed=seed
        )
        for width in ladder
    }
    if mirrored is not None:
        mirrored_from = mirrored_start(problem, start, chosen.disjunctions.assignments)
        found |= fit_mirrored_programs(
            targets, mirrored_from, prices=PRICES, fit=mirrored, seed=seed
        )
    return found


def widths(width: int) -> dict[str, int]:
    """Widths of all tables: those that every vote rests on get two more bits than a vote."""
    return {name: width + 2 * (name in _FINER) for name in TABLES}


@torch.no_grad()
def fit_targets(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    reading: ReadingName,
    split: Split,
    states: AnswerState,
) -> FitTargets:
    """How far each evaluating neuron is above its cut, before the ReLU hides it below 0."""
    chosen, mlp = circuit.readings[reading], model.block(1).mlp
    own = states.resid_mid @ mlp.W_in[:, chosen.neurons].cpu() + mlp.b_in[chosen.neurons].cpu()
    excess = (own - chosen.levels.cut) / chosen.levels.cut
    return FitTargets(clause_counts(problem, written_pairs(problem, split)), excess)
