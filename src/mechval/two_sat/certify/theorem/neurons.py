"""Lemmas about neurons and answers: from sums over clauses to bits, from bits to the token."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.certify.theorem import balls, closed_form
from mechval.two_sat.certify.theorem.balls import Ball
from mechval.two_sat.certify.theorem.first_block import EnteredBlock
from mechval.two_sat.certify.theorem.second_block import Sums
from mechval.two_sat.formulas.truth_tables import literal_pair_truth
from mechval.two_sat.problem import Problem, clause_literals


@dataclass(frozen=True, eq=False)
class Evaluators:
    """The neurons that are not off on every formula, with one assignment each.

    Attributes:
        neuron: index in block 1's MLP.
        assignment: the one whose clauses push it up most.
        falsified: which clauses that assignment falsifies.
    """

    neuron: Int[Tensor, " live"]
    assignment: Int[Tensor, " live"]
    falsified: Bool[Tensor, "live clause"]


@dataclass(frozen=True, eq=False)
class PreActivationBounds:
    """Bounds of pre-activations over all formulas.

    Attributes:
        on: least where the assignment satisfies the formula.
        off: largest where it does not.
        highest: largest anywhere.
    """

    on: Float[Tensor, " live"]
    off: Float[Tensor, " live"]
    highest: Float[Tensor, " live"]

    @property
    def margin(self) -> float:
        """By how much the weakest neuron is on the right side of 0; NaN where none is live."""
        return float(torch.minimum(self.on, -self.off).amin()) if len(self.on) else math.nan

    def tightened(self, other: "PreActivationBounds") -> "PreActivationBounds":
        """What follows from two bounds of the same."""
        return PreActivationBounds(
            torch.fmax(self.on, other.on),
            torch.fmin(self.off, other.off),
            torch.fmin(self.highest, other.highest),
        )


@dataclass(frozen=True)
class Answers:
    """Least lead of the right answer's logit.

    Attributes:
        satisfiable: of ``s`` over every other token where some neuron is on.
        unsatisfiable: of ``u`` over ``s`` where all are off.
        all_tokens: of ``u`` over every other token where all are off.
        rounding: bound of what rounding costs them, where nothing else does.
    """

    satisfiable: float
    unsatisfiable: float
    all_tokens: float
    rounding: float | None = None


def falsified_clauses(problem: Problem) -> Bool[Tensor, "assignment clause"]:
    """Which clauses each assignment falsifies."""
    first, second = torch.as_tensor(clause_literals(problem)).T
    return ~literal_pair_truth(problem)[first * problem.n_literals + second].T


def find_evaluators(entered: EnteredBlock, sums: Sums) -> Evaluators:
    """The live neurons, and what each evaluates if it evaluates anything."""
    mlp = entered.model.block(1).mlp
    terms = closed_form.lay_out(sums, slice(0, len(mlp.b_in)))
    is_empty = (mlp.W_in == 0).all(0).cpu() & (mlp.b_in <= 0).cpu()
    live = (~(terms.highest <= 0) & ~is_empty).nonzero().flatten()
    falsified = falsified_clauses(entered.problem)
    weight, value = sums.weight.mid, sums.value.mid[..., live]
    # What a head gives away to sources that every formula has says nothing about clauses.
    read = weight / (weight.mean(2).sum(1) + sums.fixed_weight.mid.sum(1))[:, None, None]
    pushed = torch.einsum("hic,hick->ck", read, value - value.mean((1, 2), keepdim=True))
    pushed = pushed.nan_to_num()
    assignment = (falsified.double() @ pushed).argmin(0)
    return Evaluators(live, assignment, falsified[assignment])


def neuron_ranges(sums: Sums, evaluators: Evaluators) -> PreActivationBounds:
    """Bound the live neurons over all formulas."""
    terms = closed_form.lay_out(sums, evaluators.neuron)
    falsified = evaluators.falsified
    return PreActivationBounds(
        terms.lowest_on(falsified), terms.highest_off(falsified), terms.highest
    )


def answer_leads(
    entered: EnteredBlock,
    sums: Sums,
    evaluators: Evaluators,
    ranges: PreActivationBounds,
    *,
    is_averaged: bool = True,
) -> Answers:
    """Bound the logits, residual stream included, over all formulas.

    Where a formula is satisfiable, some neuron is at least at its least on-value, and the residual
    stream is that of a formula its assignment satisfies; others add their worst. Attention that is
    no average adds some mixture of what it sees, which is at least the least of it.
    """
    n_neurons, tokens = entered.model.architecture.d_mlp, range(entered.model.d_vocab)
    yes, no = entered.vocabulary.satisfiable, entered.vocabulary.unsatisfiable
    others = [token for token in tokens if token != yes]
    direct = closed_form.differences(sums, n_neurons + yes, [n_neurons + t for t in others])
    effect = effects(entered, evaluators.neuron, yes, others).lower
    highest = ranges.highest.clamp(min=0)[:, None]
    least = torch.where(effect >= 0, ranges.on[:, None], highest) * effect
    leads = _some_on(least, (effect * highest).clamp(max=0))
    stream = direct.lowest_where(evaluators.falsified)
    leads = _added(leads, stream if is_averaged else torch.fmax(stream, direct.least_mixture))
    wrong = [token for token in tokens if token != no]
    rest = closed_form.differences(sums, n_neurons + no, [n_neurons + t for t in wrong])
    against = effects(entered, evaluators.neuron, no, wrong).lower
    stream = rest.lowest if is_averaged else torch.fmax(rest.lowest, rest.least_mixture)
    off = _added(stream, _summed((against * ranges.off.clamp(min=0)[:, None]).clamp(max=0)))
    return Answers(float(leads.amin()), float(off[wrong.index(yes)]), float(off.amin()))


def written_leads(
    entered: EnteredBlock,
    neurons: Int[Tensor, " neuron"],
    high: Float[Tensor, " neuron"],
    hidden: Float[Tensor, " d_mlp"],
    resid: Float[Tensor, " d_model"],
) -> Answers:
    """The same of the states that γ_2 writes, for every choice of bits."""
    yes, no = entered.vocabulary.satisfiable, entered.vocabulary.unsatisfiable
    others = [token for token in range(entered.model.d_vocab) if token != yes]
    mlp, kept = entered.model.block(1).mlp, hidden.detach().cpu().double().clone()
    kept[neurons] = 0.0
    written = balls.exact(kept[None]) @ balls.exact(mlp.W_out) + balls.exact(mlp.b_out)[None]
    logits = (balls.exact(resid[None]) + written) @ balls.exact(entered.model.W_U)
    direct = logits[0, [yes] * len(others)] - logits[0, others]
    added = (effects(entered, neurons, yes, others) * balls.exact(high)[:, None]).lower
    leads = _added(_some_on(added, added.clamp(max=0)), direct.lower)
    off = (-direct).lower[others.index(no)]
    rounding = float(2 * (direct.rad.amax() + balls.gamma(len(high) + 16) * leads.abs().amax()))
    return Answers(float(leads.amin()), float(off), float(off), rounding)


def effects(entered: EnteredBlock, neurons: Tensor, token: int, others: list[int]) -> Ball:
    """What each neuron adds to a token's logit less to each other's, [neuron other]."""
    mlp, W_U = entered.model.block(1).mlp, balls.exact(entered.model.W_U)
    toward = W_U[:, [token] * len(others)] - W_U[:, others]
    return balls.exact(mlp.W_out)[neurons] @ toward


def _some_on(
    least: Float[Tensor, "neuron other"], harm: Float[Tensor, "neuron other"]
) -> Float[Tensor, "neuron other"]:
    """Each neuron on, all others at their worst; rounding taken off."""
    total = harm.sum(0)
    size = balls.enlarged(least.abs() + 2 * harm.abs() + harm.abs().sum(0))
    return least - harm + total - 2 * balls.gamma(len(harm) + 8) * size


def _added(first: Tensor, second: Tensor) -> Tensor:
    return first + second - balls.gamma(4) * (first.abs() + second.abs())


def _summed(harm: Float[Tensor, "neuron other"]) -> Float[Tensor, " other"]:
    return harm.sum(0) * (1 + balls.gamma(len(harm) + 8))
