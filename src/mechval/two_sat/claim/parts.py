"""Which modules of the network each component is, and that these parts are all of it (axiom 5).

Declared: a run of hook names and of weights per component. Measured: which weights reach a
component's output while its input is held fixed, by automatic differentiation; and whether the
components composed are the network.

Source: paper section 3, mechanistic derivability; PAPER.md section 2.
"""

import copy
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from mechval import tables
from mechval.axioms import Estimate
from mechval.errors import MechvalError
from mechval.transformer import Transformer, hook_names, named_weights
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.interpretation import COMPONENT_NAMES
from mechval.two_sat.network.components import AnswerState, Components, token_batches
from mechval.two_sat.problem import Problem

_LAST_HOOKS = ("blocks.0.hook_resid_post", "blocks.1.mlp.hook_post", "blocks.1.hook_resid_post")
_LAST_WEIGHTS = ("blocks.0.mlp.b_out", "blocks.1.mlp.b_in", "unembed.W_U")
_STORED = {"W_Q": "query", "W_K": "key", "W_V": "value", "W_O": "output"}
_UNNESTED = ("embed", "pos_embed", "unembed")


@dataclass(frozen=True)
class Part:
    """What one component is: hook names of what it computes, and TransformerLens weight names."""

    component: str
    hooks: tuple[str, ...]
    weights: tuple[str, ...]

    def n_weights(self, model: Transformer) -> int:
        """How many numbers its weights hold."""
        return sum(parameter_of(model, name).numel() for name in self.weights)


def network_parts(model: Transformer) -> tuple[Part, ...]:
    """The declared parts of a two-block network: three runs of its hooks and of its weights. Raises
    MechvalError if the network has not two blocks."""
    if len(model.blocks) != 2:
        raise MechvalError(f"a network of {len(model.blocks)} blocks has no parts; allowed: 2.")
    hooks = _runs(hook_names(2), _LAST_HOOKS)
    weights = _runs(tuple(named_weights(model)), _LAST_WEIGHTS)
    return tuple(Part(*part) for part in zip(COMPONENT_NAMES, hooks, weights, strict=True))


def used_weights(
    model: Transformer, problem: Problem, tokens: Int[Tensor, "batch pos"]
) -> dict[str, frozenset[str]]:
    """The weights that reach each component's output while its input state is held fixed."""
    traced = copy.deepcopy(model).requires_grad_(True)
    components = Components(traced, problem)
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


PARTS = tables.Table("axioms/parts.csv", PartRow)
COMPOSITION = tables.Table("axioms/composition.csv", CompositionRow)


def part_rows(
    model: Transformer, problem: Problem, tokens: Int[Tensor, "batch pos"]
) -> list[PartRow]:
    """One row per weight tensor: the component it is declared in, and those that it reaches."""
    used = used_weights(model, problem, tokens)
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
def composition_row(
    model: Transformer, problem: Problem, split: Split, *, confidence: float, device: torch.device
) -> CompositionRow:
    """Whether the composed components are the network's forward pass, on the label and on logits.
    Computed in float64, so that the difference is not float32's rounding."""
    model = copy.deepcopy(model).double()
    components = Components(model, problem)
    answer, satisfiable = components.layout.answer_position, components.vocabulary.satisfiable
    disagreements, difference, largest = 0, 0.0, 0.0
    for tokens, _ in token_batches(problem, split, device, "composition"):
        state = components.evaluate(components.parse(tokens))
        composed, whole = components.answer_logits(state), model(tokens)[:, answer]
        labels = (whole.argmax(dim=-1) == satisfiable).long()
        disagreements += int((components.output(state) != labels).sum())
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
