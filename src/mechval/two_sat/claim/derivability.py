"""What the label loses if everything outside a component's named parts is replaced by its mean.

The network's own states are edited, no program is involved: parse is claimed to live in the
residual stream at the second literals alone, evaluate in the evaluating neurons alone. Means are
those of the fitting split. Beside the claims stand controls, in which the named parts are
replaced and everything else is kept: where these change as few labels, the claim says nothing.

Source: paper section 3, mechanistic derivability; PAPER.md section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import Estimate
from mechval.transformer import Transformer
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.interpretation import EVALUATE, PARSE
from mechval.two_sat.network.components import AnswerState, Components, token_batches
from mechval.two_sat.problem import Problem

Kept = Literal["all", "named", "others", "none"]


@dataclass(frozen=True)
class Ablation:
    """Which of a network's own values are kept; the rest, told in words, is at its mean.
    ``component`` is that whose parts are tested, or ``all``; ``positions`` are kept after block 0,
    ``neurons`` in block 1's hidden layer, and ``keeps_residual`` is about the stream beside it."""

    component: str
    replaced: str
    positions: Kept = "all"
    neurons: Kept = "all"
    keeps_residual: bool = True


PARSE_ABLATIONS = (
    Ablation(PARSE, "other positions", positions="named"),
    Ablation(PARSE, "second literals (control)", positions="others"),
)
EVALUATE_ABLATIONS = (
    Ablation(EVALUATE, "other neurons", neurons="named"),
    Ablation(EVALUATE, "residual stream", keeps_residual=False),
    Ablation(EVALUATE, "other neurons, residual stream", neurons="named", keeps_residual=False),
    Ablation(EVALUATE, "evaluating neurons (control)", neurons="others"),
    Ablation(
        "all",
        "other positions, other neurons, residual stream",
        positions="named",
        neurons="named",
        keeps_residual=False,
    ),
    Ablation("all", "whole state (control)", neurons="none", keeps_residual=False),
)


@dataclass(frozen=True, kw_only=True)
class DerivabilityRow(Estimate):
    """On how many formulas one ablation changes the network's own label. ``reading`` is None where
    no neuron is chosen."""

    component: str = tables.told()
    replaced: str = tables.told("replaced by its mean")
    reading: ReadingName | None = tables.told()


DERIVABILITY = tables.Table("axioms/derivability.csv", DerivabilityRow)


def derivability_rows(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    split: Split,
    *,
    confidence: float,
    device: torch.device,
) -> list[DerivabilityRow]:
    """Count the labels that each ablation changes on ``split``, for every reading."""
    no_neurons = torch.arange(0, device=device)
    plans: list[tuple[Ablation, ReadingName | None, Int[Tensor, " _"]]] = [
        (ablation, None, no_neurons) for ablation in PARSE_ABLATIONS
    ]
    for name, reading in circuit.readings.items():
        neurons = reading.neurons.to(device)
        plans.extend((ablation, name, neurons) for ablation in EVALUATE_ABLATIONS)
    counts = count_changed_labels(
        Components(model, problem),
        circuit,
        [(ablation, neurons) for ablation, _, neurons in plans],
        split,
        positions=torch.tensor(FormulaLayout(problem).second_literal_positions, device=device),
        device=device,
    )
    return [
        DerivabilityRow(
            **vars(Estimate.of(count, len(split), confidence)),
            component=ablation.component,
            replaced=ablation.replaced,
            reading=reading,
        )
        for (ablation, reading, _), count in zip(plans, counts, strict=True)
    ]


@torch.inference_mode()
def count_changed_labels(
    components: Components,
    circuit: Circuit,
    plans: Sequence[tuple[Ablation, Int[Tensor, " _"]]],
    split: Split,
    *,
    positions: Int[Tensor, " position"],
    device: torch.device,
) -> list[int]:
    """How many of the network's labels on ``split`` each ablation changes. ``plans`` are ablations
    with the neurons that each calls its named ones, ``positions`` the named ones of the residual
    stream after block 0. Replaced parts get the circuit's means."""
    resid_post, hidden_mean, resid_mid = (
        mean.to(device)
        for mean in (circuit.mean_resid_post, circuit.mean_hidden, circuit.mean_resid_mid)
    )
    changed = [0] * len(plans)
    for tokens, _ in token_batches(components.layout.problem, split, device, "derivability"):
        resid = components.parse(tokens)
        states: dict[Kept, AnswerState] = {"all": components.evaluate(resid)}
        labels = components.output(states["all"])
        for index, (ablation, neurons) in enumerate(plans):
            if ablation.positions not in states:
                edited = _keep(resid, resid_post, ablation.positions, positions)
                states[ablation.positions] = components.evaluate(edited)
            own = states[ablation.positions]
            hidden = _keep(own.hidden, hidden_mean, ablation.neurons, neurons)
            mean = resid_mid.expand_as(own.resid_mid)
            state = AnswerState(hidden, own.resid_mid if ablation.keeps_residual else mean)
            changed[index] += int((components.output(state) != labels).sum())
    return changed


def _keep(
    own: Float[Tensor, "batch place *rest"],
    mean: Float[Tensor, " place *rest"],
    kept: Kept,
    named: Int[Tensor, " named"],
) -> Float[Tensor, "batch place *rest"]:
    """A network's own values where they are kept, the mean everywhere else."""
    if kept in ("all", "none"):
        return own if kept == "all" else mean.expand_as(own)
    source, target = (own, mean.expand_as(own)) if kept == "named" else (mean.expand_as(own), own)
    edited = target.clone()
    edited[:, named] = source[:, named]
    return edited
