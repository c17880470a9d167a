"""A split as the network answers it: what variants are fitted on, and what surfaces are read from.

One pass of the network; everything that depends on cuts, high values and programs alone is then
computed from these states.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.network.activations import record_answer_states
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import TruthTableCounts

_BATCH = 2**13


@dataclass(frozen=True, eq=False)
class Observations:
    """The network's states and labels on every formula of a split, on the CPU.

    Attributes:
        states: at cut 2.
        labels: 1 where the network answers ``s``.
        tables: the truth tables of the formulas as written.
    """

    split: Split
    states: AnswerState
    labels: Int[Tensor, " formula"]
    tables: TruthTableCounts


def observe(
    model: Transformer, problem: Problem, split: Split, device: torch.device
) -> Observations:
    """Run the network once over ``split``."""
    states = record_answer_states(model, problem, split, device)
    words = truth_tables(problem, split.clause_ids)
    return Observations(
        split=split,
        states=states,
        labels=predicted_labels(Components(model, problem), states, device),
        tables=TruthTableCounts.of(unpack_truth_tables(words, problem.n_variables)),
    )


@torch.inference_mode()
def predicted_labels(
    components: Components, states: AnswerState, device: torch.device
) -> Int[Tensor, " formula"]:
    """What the network's last component makes of states at cut 2, on the CPU."""
    parts = zip(states.hidden.split(_BATCH), states.resid_mid.split(_BATCH), strict=True)
    labels = [
        components.output(AnswerState(hidden.to(device), resid.to(device))).cpu()
        for hidden, resid in parts
    ]
    return torch.cat(labels)
