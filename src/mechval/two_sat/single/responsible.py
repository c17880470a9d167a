"""Which positions or neurons make a formula fail."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms import Interpretation, Sides, run_components
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.components import AnswerState, Components

Margins = Callable[[Bool[Tensor, "mask part"]], Float[Tensor, " mask"]]


def smallest_set(margins: Margins, n_parts: int, label: int) -> list[int] | None:
    """Parts that bring about ``label`` together, ascending; None if not even all of them do.

    Found greedily: parts are taken in order of what each does alone, ties by index, until the
    label is reached. The set is small, not proved smallest. ``margins`` gives, for each mask of
    parts, the logit of ``s`` above the largest other one: positive for label 1, not for label 0.
    """
    alone = margins(torch.eye(n_parts, dtype=torch.bool))
    order = alone.sort(descending=bool(label), stable=True).indices.cpu()
    rank = torch.empty_like(order)
    rank[order] = torch.arange(n_parts)
    cumulative = rank[None, :] <= torch.arange(n_parts)[:, None]
    reached = ((margins(cumulative) > 0) == bool(label)).nonzero().flatten()
    return sorted(order[: int(reached[0]) + 1].tolist()) if len(reached) else None


def find_responsible(
    components: Components, circuit: Circuit, interpretation: Interpretation, sides: Sides
) -> str:
    """Say what is responsible in a cell, for the one formula that ``sides`` are of.

    Equivalence: the positions or neurons read differently. Replaceability: the parts of
    the network's own state that, put back together, restore its label. Equivalence of the
    output: the neurons whose bits say satisfiable, or, if none does, those that make the
    network say so.
    """
    if sides.key.axiom.is_replaceability:
        return _restoring(components, interpretation, sides)
    if sides.key.component == 1:
        distance, layout = interpretation.equivalences[1].distance, components.layout
        pairs = zip(sides.network.split(1, dim=1), sides.program.split(1, dim=1), strict=True)
        places = zip(layout.second_literal_positions, pairs, strict=True)
        misread = [position for position, pair in places if bool(distance(*pair))]
        return f"positions misread: {_position_names(layout, misread)}"
    readings = {str(name): reading for name, reading in circuit.readings.items()}
    neurons = readings[interpretation.tags["reading"]].neurons
    if sides.key.component == 2:
        bits = zip(
            neurons.tolist(), sides.network[0].tolist(), sides.program[0].tolist(), strict=True
        )
        return ", ".join(
            f"neuron {neuron} is {'on' if found else 'off'}, not {'on' if expected else 'off'}"
            for neuron, found, expected in bits
            if found != expected
        )
    return _deciding_neurons(components, interpretation, sides, neurons)


def _restoring(components: Components, interpretation: Interpretation, sides: Sides) -> str:
    cut = sides.key.component
    own, replaced = sides.concrete[cut], interpretation.gammas[cut](sides.abstract)

    def margins(masks: Bool[Tensor, "mask part"]) -> Float[Tensor, " mask"]:
        if cut == 1:
            mixed = torch.where(masks[:, :, None].to(own.device), own, replaced)
            return _margin(components, components.evaluate(mixed))
        masks = masks.to(own.hidden.device)
        hidden = torch.where(masks[:, :-1], own.hidden, replaced.hidden)
        resid = torch.where(masks[:, -1:], own.resid_mid, replaced.resid_mid)
        return _margin(components, AnswerState(hidden, resid))

    n_parts = own.shape[1] if cut == 1 else own.hidden.shape[1] + 1
    parts = smallest_set(margins, n_parts, int(sides.network)) or []
    if cut == 1:
        return f"positions restored: {_position_names(components.layout, parts)}"
    names = ["residual stream" if part == n_parts - 1 else str(part) for part in parts]
    return f"neurons restored: {', '.join(names)}"


def _deciding_neurons(
    components: Components,
    interpretation: Interpretation,
    sides: Sides,
    neurons: Int[Tensor, " neuron"],
) -> str:
    own: AnswerState = sides.concrete[2]
    if sides.key.axiom.is_prefix:
        bits = run_components(interpretation.abstract[:2], sides.concrete[0])[-1]
    else:
        bits = interpretation.alphas[2](own)
    if bool(bits.any()):
        return f"neurons said to be on: {', '.join(map(str, neurons[bits[0].cpu()].tolist()))}"

    def margins(masks: Bool[Tensor, "mask neuron"]) -> Float[Tensor, " mask"]:
        hidden = own.hidden * ~masks.to(own.hidden.device)
        return _margin(components, AnswerState(hidden, own.resid_mid.expand(len(hidden), -1)))

    found = smallest_set(margins, own.hidden.shape[1], label=0)
    if found is None:
        return "no neuron: the residual stream alone says satisfiable"
    return f"neurons whose activation says satisfiable: {', '.join(map(str, found))}"


def _margin(components: Components, state: AnswerState) -> Float[Tensor, " mask"]:
    logits, answer = components.answer_logits(state), components.vocabulary.satisfiable
    others = torch.cat([logits[:, :answer], logits[:, answer + 1 :]], dim=1)
    return logits[:, answer] - others.amax(dim=1)


def _position_names(layout: FormulaLayout, positions: list[int]) -> str:
    names = {layout.answer_position: ":"}
    for clause, second in enumerate(layout.second_literal_positions, start=1):
        roles = ("(", "first literal", "second literal", ")")
        names |= {second - 2 + i: f"{role} of clause {clause}" for i, role in enumerate(roles)}
    return ", ".join(f"{position} [{names[position]}]" for position in positions)
