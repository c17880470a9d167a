"""A network on the bench: what its variants are fitted on, and what they are counted on.

The network runs once over each split; everything that depends on cuts, high values and programs
alone is then computed from its states.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import ReadingName, Version
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import formula_truth
from mechval.two_sat.network.components import AnswerState, Components, record_cuts
from mechval.two_sat.problem import Problem, clause_pairs
from mechval.two_sat.programs.evaluate import (
    EvaluateProgram,
    FittedTrees,
    Fitting,
    TreeProgram,
    TruthTableCounts,
    fit_trees,
)
from mechval.two_sat.programs.versions import CLAIMED

_BATCH = 2**13


@dataclass(frozen=True, eq=False)
class Observations:
    """The network's states and labels on every formula of a split, on the CPU. ``resid_post`` is
    after block 0 at ``:``, ``states`` are at cut 2, labels are 1 for ``s``."""

    split: Split
    resid_post: Float[Tensor, "formula d_model"]
    states: AnswerState
    labels: Int[Tensor, " formula"]
    tables: TruthTableCounts


@dataclass(frozen=True, eq=False)
class Bench:
    """One network and its circuit. What is fitted sees ``fitting``
    alone; every ε outside the suite is counted on ``testing``. The seed is that of refitted trees
    and of the noise, the confidence that of one-sided bounds."""

    components: Components
    circuit: Circuit
    fitting: Observations
    testing: Observations
    seed: int
    confidence: float
    _trees: dict[tuple[bytes, int | None], TreeProgram] = field(default_factory=dict, init=False)

    def bits(self, reading: ReadingName, seen: Observations) -> Bool[Tensor, "formula neuron"]:
        """What α_2 reads off the network."""
        return self.circuit.readings[reading].bits(seen.states.hidden)

    def trees(self, bits: Bool[Tensor, "formula neuron"], max_leaves: int | None) -> TreeProgram:
        """Trees fitted to bits of the fitting split; the same ones are fitted only once."""
        key = np.packbits(bits.numpy()).tobytes(), max_leaves
        if key not in self._trees:
            tables, seed = self.fitting.tables, self.seed
            found = fit_trees(tables, bits.numpy(), max_leaves=max_leaves, seed=seed)
            self._trees[key] = found.program
        return self._trees[key]

    def program(self, version: Version, to: Fitting) -> EvaluateProgram:
        """A version fitted anew; trees, which take long, only once to the same bits."""
        if version == FittedTrees.version:
            return self.trees(to.bits, to.max_leaves)
        return CLAIMED[version].fit(to).program


def observe(components: Components, split: Split) -> Observations:
    resid_post, states = record_cuts(components, split)
    return Observations(
        split=split,
        resid_post=resid_post,
        states=states,
        labels=predicted_labels(components, states),
        tables=TruthTableCounts.of(formula_truth(components.problem, split.clause_ids)),
    )


@torch.inference_mode()
def predicted_labels(components: Components, states: AnswerState) -> Int[Tensor, " formula"]:
    """What the network's last component makes of states at cut 2, on the CPU."""
    device = components.device
    parts = zip(states.hidden.split(_BATCH), states.resid_mid.split(_BATCH), strict=True)
    labels = [
        components.output(AnswerState(hidden.to(device), resid.to(device))).cpu()
        for hidden, resid in parts
    ]
    return torch.cat(labels)


def written_pairs(problem: Problem, split: Split) -> Int[Tensor, "formula clause_position"]:
    """The literal pairs of formulas as they are written."""
    return torch.from_numpy(clause_pairs(problem))[torch.from_numpy(split.clause_ids).long()]
