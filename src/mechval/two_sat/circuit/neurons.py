"""Which hidden neurons evaluate, and when such a neuron counts as on."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.transformer import Transformer
from mechval.two_sat.configs import CircuitConfig, ReadingName
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem

EFFECT_SHARE = 0.999
"""At which the neurons that carry the effect are counted, the same for every network."""


@dataclass(frozen=True)
class NeuronEffects:
    """How much each hidden neuron of block 1 can move the ``s`` logit. ``coefficient``: weight on
    the ``s`` logit through W_out and W_U. ``max_activation``: largest post-ReLU activation on the
    fitting split."""

    coefficient: Float[Tensor, " neuron"]
    max_activation: Float[Tensor, " neuron"]

    @property
    def effect(self) -> Float[Tensor, " neuron"]:
        """Largest activation times the size of the coefficient, in logits."""
        return self.max_activation * self.coefficient.abs()

    def carrying(self, share: float = EFFECT_SHARE) -> Int[Tensor, " chosen"]:
        """The smallest set of neurons with this share of the total effect, in index order."""
        order = self.effect.double().sort(descending=True, stable=True)
        reached = order.values.cumsum(0) < share * order.values.sum()
        return order.indices[: int(reached.sum()) + 1].sort().values

    def evaluating(self, reading: ReadingName, config: CircuitConfig) -> Int[Tensor, " chosen"]:
        """Neurons that argue for satisfiability, by a scale-free rule or the paper's.
        ``calibrated``: those with a positive coefficient among the smallest set that carries
        ``effect_share``. ``paper``: activation times coefficient above ``smallest_effect``."""
        if reading == "paper":
            return (self.max_activation * self.coefficient > config.smallest_effect).nonzero()[:, 0]
        carrying = self.carrying(config.effect_share)
        return carrying[self.coefficient[carrying] > 0]


@dataclass(frozen=True)
class Levels:
    """Per evaluating neuron: at which activation it is on, and what γ writes for on. ``cut``:
    activation from which the bit is 1 (α). ``high``: activation that stands for a bit of 1 (γ)."""

    cut: Float[Tensor, " neuron"]
    high: Float[Tensor, " neuron"]


def neuron_effects(
    model: Transformer, problem: Problem, hidden: Float[Tensor, "formula d_mlp"]
) -> NeuronEffects:
    """Measure the effects on the fitting split's activations (paper section 4, evaluate)."""
    direction = model.W_U[:, Vocabulary(problem).satisfiable]
    coefficient = (model.block(1).mlp.W_out @ direction).detach().cpu()
    return NeuronEffects(coefficient, hidden.max(dim=0).values)


def neuron_levels(
    hidden: Float[Tensor, "formula neuron"], reading: ReadingName, config: CircuitConfig
) -> Levels:
    """Cut and high value of each neuron, by a rule that does not see ε: :func:`calibrated_levels`,
    or with ``paper`` the two that are set (paper section 4: 0.5 and 2.0)."""
    if reading == "calibrated":
        return calibrated_levels(hidden)
    return Levels(*(torch.full(hidden.shape[1:], level) for level in (config.cut, config.high)))


def calibrated_levels(hidden: Float[Tensor, "formula neuron"]) -> Levels:
    """The cut midway between a neuron's mean off and its mean on activation, and the high value at
    its mean on."""
    pairs = [_calibrate(activations.double().numpy()) for activations in hidden.T]
    levels = torch.tensor(pairs, dtype=torch.float32).reshape(-1, 2)
    return Levels(levels[:, 0], levels[:, 1])


def is_constant(bits: Bool[Tensor, "formula neuron"]) -> Bool[Tensor, " neuron"]:
    """Whether a bit has the same value on all formulas: it then says nothing and is refused."""
    return bits.all(dim=0) | ~bits.any(dim=0)


def _calibrate(activations: Float[np.ndarray, " formula"]) -> tuple[float, float]:
    """Find the cut that lies midway between the mean below it and the mean from it on. Starts at
    half the largest activation; each round's cut depends on the split it makes alone, of which
    there are finitely many, so the rounds come to rest."""
    ordered = np.sort(activations)
    totals = np.concatenate([[0.0], np.cumsum(ordered)])
    on = ordered[-1]
    cut = on / 2
    n_below = -1
    while n_below != (found := int(np.searchsorted(ordered, cut))):
        n_below = found
        off = totals[n_below] / n_below if n_below else 0.0
        n_above = len(ordered) - n_below
        on = (totals[-1] - totals[n_below]) / n_above if n_above else ordered[-1]
        cut = (off + on) / 2
    return float(cut), float(on)
