"""Mechanistic derivability (axiom 5): which parts each component is, and what its named ones hold.

Parts are a run of hook names and of weights per component. Measured is which weights reach a
component's output while its input is held fixed, by automatic differentiation; and whether the
components composed are the network.

Ablations edit the network's own states, no program is involved: parse is claimed to live in the
residual stream at the second literals alone, evaluate in the evaluating neurons alone, and all else
is put to its mean on the fitting split. Beside the claims stand controls, in which the named parts
are replaced and all else is kept: where these change as few labels, the claim says nothing.

Source: paper section 3 (mechanistic derivability); section 4 and appendix (ablations of the skip).
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechval import tables
from mechval.axioms import Estimate
from mechval.errors import MechvalError
from mechval.transformer import Transformer, hook_names, named_weights
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.interpretation import COMPONENT_NAMES, EVALUATE, PARSE
from mechval.two_sat.network import answer
from mechval.two_sat.network.components import AnswerState, Components

_LAST_HOOKS = ("blocks.0.hook_resid_post", "blocks.1.mlp.hook_post", "blocks.1.hook_resid_post")
_LAST_WEIGHTS = ("blocks.0.mlp.b_out", "blocks.1.mlp.b_in", "unembed.W_U")
_STORED = {"W_Q": "query", "W_K": "key", "W_V": "value", "W_O": "output"}
_UNNESTED = ("embed", "pos_embed", "unembed")
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
    Ablation("all", "other positions, other neurons, residual stream", "named", "named", False),
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
    components: Components, circuit: Circuit, split: Split, confidence: float
) -> list[DerivabilityRow]:
    """Count the labels that each ablation changes on ``split``, for every reading."""
    plans: list[tuple[Ablation, ReadingName | None, Int[Tensor, " _"]]] = [
        (ablation, None, torch.arange(0)) for ablation in PARSE_ABLATIONS
    ]
    for name, reading in circuit.readings.items():
        plans.extend((ablation, name, reading.neurons) for ablation in EVALUATE_ABLATIONS)
    named = [(ablation, neurons) for ablation, _, neurons in plans]
    second = torch.tensor(components.layout.second_literal_positions)
    counts = count_changed_labels(components, circuit, named, split, second)
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
    positions: Int[Tensor, " position"],
) -> list[int]:
    """How many of the network's labels on ``split`` each ablation changes. ``plans`` are ablations
    with the neurons that each calls its named ones, ``positions`` the named ones of the residual
    stream after block 0. Replaced parts get the circuit's means."""
    means = (circuit.mean_resid_post, circuit.mean_hidden, circuit.mean_resid_mid)
    resid_post, hidden_mean, resid_mid = (mean.to(components.device) for mean in means)
    changed = [0] * len(plans)
    for tokens, _ in components.batches(split, "derivability"):
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
    edited, named = target.clone(), named.to(own.device)
    edited[:, named] = source[:, named]
    return edited


@dataclass(frozen=True)
class NetworkPart:
    """What one component is: hook names of what it computes, and TransformerLens weight names."""

    component: str
    hooks: tuple[str, ...]
    weights: tuple[str, ...]

    def n_weights(self, model: Transformer) -> int:
        return sum(parameter_of(model, name).numel() for name in self.weights)


def network_parts(model: Transformer) -> tuple[NetworkPart, ...]:
    """The declared parts of a two-block network: three runs of its hooks and of its weights. Raises
    MechvalError if the network has not two blocks."""
    if len(model.blocks) != 2:
        raise MechvalError(f"a network of {len(model.blocks)} blocks has no parts; allowed: 2.")
    hooks = _runs(hook_names(2), _LAST_HOOKS)
    weights = _runs(tuple(named_weights(model)), _LAST_WEIGHTS)
    return tuple(NetworkPart(*part) for part in zip(COMPONENT_NAMES, hooks, weights, strict=True))


def used_weights(components: Components, split: Split) -> dict[str, frozenset[str]]:
    """The weights that reach each component's output while its input state is held fixed, on some
    formulas."""
    traced = copy.deepcopy(components.model).requires_grad_(True)
    components = Components(traced, components.problem)
    clause_ids = torch.from_numpy(split.clause_ids).to(components.device)
    tokens = encode_formulas(components.problem, clause_ids)
    with torch.enable_grad():
        resid = components.parse(tokens)
        state = components.evaluate(resid.detach())
        held = AnswerState(state.hidden.detach(), state.resid_mid.detach())
        logits = components.answer_logits(held)
    sums = (resid.sum(), state.hidden.sum() + state.resid_mid.sum(), logits.sum())
    names = tuple(named_weights(traced))
    parameters = [parameter_of(traced, name) for name in names]
    found: dict[str, frozenset[str]] = {}
    for component, total in zip(COMPONENT_NAMES, sums, strict=True):
        gradients = torch.autograd.grad(total, parameters, allow_unused=True)
        reaching = zip(names, gradients, strict=True)
        found[component] = frozenset(name for name, gradient in reaching if gradient is not None)
    return found


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """One weight tensor: the component that it is declared in (``computes`` are the hooks of that
    one), and those whose output it reaches."""

    weight: str = tables.told()
    numbers: int = tables.told()
    component: str = tables.told()
    reaches: tuple[str, ...] = tables.told()
    agrees: bool = tables.told()
    computes: tuple[str, ...] = tables.told()


@dataclass(frozen=True, kw_only=True)
class CompositionRow(Estimate):
    """On how many labels the composed components are not the network's forward pass. Differences
    and sizes of logits are the largest ones, over all tokens."""

    confidence: float = tables.told()
    max_logit_difference: float = tables.number("largest difference of a logit")
    max_logit: float = tables.number("largest logit")

    def at(self, confidence: float) -> "CompositionRow":
        return replace(super().at(confidence), confidence=confidence)


PARTS = tables.Table("axioms/parts.csv", PartRow)
COMPOSITION = tables.Table("axioms/composition.csv", CompositionRow)


def part_rows(components: Components, split: Split) -> list[PartRow]:
    """One row per weight tensor: the component it is declared in, and those that it reaches."""
    model, used = components.model, used_weights(components, split)
    reached = {
        weight: tuple(name for name in COMPONENT_NAMES if weight in used[name])
        for weight in named_weights(model)
    }
    return [
        PartRow(
            weight=weight,
            numbers=parameter_of(model, weight).numel(),
            component=part.component,
            reaches=reached[weight],
            agrees=reached[weight] == (part.component,),
            computes=part.hooks,
        )
        for part in network_parts(model)
        for weight in part.weights
    ]


@torch.inference_mode()
def composition_row(components: Components, split: Split, confidence: float) -> CompositionRow:
    """Whether the composed components are the network's forward pass, on the label and on logits.
    Computed in float64, so that the difference is not float32's rounding."""
    model = copy.deepcopy(components.model).double()
    components = Components(model, components.problem)
    position = components.layout.answer_position
    disagreements, difference, largest = 0, 0.0, 0.0
    for tokens, _ in components.batches(split, "composition"):
        state = components.evaluate(components.parse(tokens))
        composed, whole = components.answer_logits(state), model(tokens)[:, position]
        expected = answer.labels(whole, components.vocabulary)
        disagreements += int((components.output(state) != expected).sum())
        difference = max(difference, float((composed - whole).abs().max()))
        largest = max(largest, float(whole.abs().max()))
    return CompositionRow(
        **vars(Estimate.of(disagreements, len(split), confidence)),
        confidence=confidence,
        max_logit_difference=difference,
        max_logit=largest,
    )


def parameter_of(model: Transformer, weight: str) -> nn.Parameter:
    """The parameter that holds the weights of this TransformerLens name."""
    *path, last = weight.split(".")
    if path[0] in _UNNESTED:
        return model.get_parameter(last)
    return model.get_parameter(".".join([*path, _STORED.get(last, last)]))


def _runs(names: tuple[str, ...], last: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Split names into consecutive runs that end with the given ones."""
    ends = [names.index(name) + 1 for name in last]
    return [names[start:end] for start, end in zip([0, *ends], ends, strict=False)]
