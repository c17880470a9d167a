"""Which positions or neurons make a formula fail."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.axioms import Interpretation, run_components
from mechval.axioms.base import Sides
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.network.components import AnswerState, Components

Margins = Callable[[Bool[Tensor, "mask part"]], Float[Tensor, " mask"]]


def smallest_set(margins: Margins, n_parts: int, label: int) -> list[int] | None:
    """Parts that bring about ``label`` together, found greedily.

    Parts are taken in order of what each does alone, ties by index, until the label is reached.
    The set is small, not proved smallest.

    Args:
        margins: for each mask of parts, the logit of ``s`` above the largest other one.
        label: 1 where the margin is to be positive, 0 where it is not.

    Returns:
        The parts in ascending order; None if all of them together do not reach the label.
    """
    alone = margins(torch.eye(n_parts, dtype=torch.bool))
    order = alone.sort(descending=bool(label), stable=True).indices.cpu()
    rank = torch.empty_like(order)
    rank[order] = torch.arange(n_parts)
    cumulative = rank[None, :] <= torch.arange(n_parts)[:, None]
    reached = ((margins(cumulative) > 0) == bool(label)).nonzero().flatten()
    return sorted(order[: int(reached[0]) + 1].tolist()) if len(reached) else None


@dataclass(frozen=True)
class Attribution:
    """Names the parts of one network's state that a disagreement is due to."""

    components: Components
    circuit: Circuit

    def explain(self, interpretation: Interpretation, sides: Sides) -> str:
        """Say what is responsible in a cell, for the one formula that ``sides`` are of.

        Equivalence: the positions or neurons read differently. Replaceability: the parts of
        the network's own state that, put back together, restore its label. Equivalence of the
        output: the neurons whose bits say satisfiable, or, if none does, those that make the
        network say so.
        """
        key = sides.key
        if key.axiom.is_replaceability:
            return self._restoring(interpretation, sides)
        if key.component == 1:
            return self._misread_clauses(interpretation, sides)
        neurons = self._evaluating_neurons(interpretation)
        if key.component == 2:
            return _differing_neurons(neurons, sides)
        return self._deciding_neurons(interpretation, sides, neurons)

    def _evaluating_neurons(self, interpretation: Interpretation) -> Int[Tensor, " neuron"]:
        readings = {str(key): reading for key, reading in self.circuit.readings.items()}
        return readings[interpretation.tags["reading"]].neurons

    def _restoring(self, interpretation: Interpretation, sides: Sides) -> str:
        cut = sides.key.component
        own, label = sides.concrete[cut], int(sides.network)
        replaced = interpretation.gammas[cut](sides.abstract)
        if cut == 1:
            parts = smallest_set(self._positions_restored(own, replaced), own.shape[1], label)
            return f"positions restored: {self._position_names(parts or [])}"
        n_neurons = own.hidden.shape[1]
        parts = smallest_set(self._neurons_restored(own, replaced), n_neurons + 1, label)
        names = ["residual stream" if part == n_neurons else str(part) for part in parts or []]
        return f"neurons restored: {', '.join(names)}"

    def _positions_restored(
        self, own: Float[Tensor, "1 pos d_model"], replaced: Float[Tensor, "1 pos d_model"]
    ) -> Margins:
        def margins(masks: Bool[Tensor, "mask pos"]) -> Float[Tensor, " mask"]:
            mixed = torch.where(masks[:, :, None].to(own.device), own, replaced)
            return self._margin(self.components.evaluate(mixed))

        return margins

    def _neurons_restored(self, own: AnswerState, replaced: AnswerState) -> Margins:
        def margins(masks: Bool[Tensor, "mask part"]) -> Float[Tensor, " mask"]:
            masks = masks.to(own.hidden.device)
            hidden = torch.where(masks[:, :-1], own.hidden, replaced.hidden)
            resid = torch.where(masks[:, -1:], own.resid_mid, replaced.resid_mid)
            return self._margin(AnswerState(hidden, resid))

        return margins

    def _deciding_neurons(
        self,
        interpretation: Interpretation,
        sides: Sides,
        neurons: Int[Tensor, " neuron"],
    ) -> str:
        if sides.key.axiom.is_prefix:
            bits = run_components(interpretation.abstract[:2], sides.concrete[0])[-1]
        else:
            bits = interpretation.alphas[2](sides.concrete[2])
        if bool(bits.any()):
            return f"neurons said to be on: {_numbers(neurons[bits[0].cpu()].tolist())}"
        own: AnswerState = sides.concrete[2]

        def margins(masks: Bool[Tensor, "mask neuron"]) -> Float[Tensor, " mask"]:
            hidden = own.hidden * ~masks.to(own.hidden.device)
            return self._margin(AnswerState(hidden, own.resid_mid.expand(len(hidden), -1)))

        found = smallest_set(margins, own.hidden.shape[1], label=0)
        if found is None:
            return "no neuron: the residual stream alone says satisfiable"
        return f"neurons whose activation says satisfiable: {_numbers(found)}"

    def _margin(self, state: AnswerState) -> Float[Tensor, " mask"]:
        logits = self.components.answer_logits(state)
        answer = self.components.vocabulary.satisfiable
        others = torch.cat([logits[:, :answer], logits[:, answer + 1 :]], dim=1)
        return logits[:, answer] - others.amax(dim=1)

    def _misread_clauses(self, interpretation: Interpretation, sides: Sides) -> str:
        distance = interpretation.equivalences[1].distance
        pairs = zip(sides.network.split(1, dim=1), sides.program.split(1, dim=1), strict=True)
        differs = [clause for clause, pair in enumerate(pairs) if bool(distance(*pair))]
        positions = self.components.layout.second_literal_positions
        return f"positions misread: {self._position_names([positions[c] for c in differs])}"

    def _position_names(self, positions: list[int]) -> str:
        layout = self.components.layout
        names = {layout.answer_position: ":"}
        for clause, second in enumerate(layout.second_literal_positions, start=1):
            roles = ("(", "first literal", "second literal", ")")
            names |= {second - 2 + i: f"{role} of clause {clause}" for i, role in enumerate(roles)}
        return ", ".join(f"{position} [{names[position]}]" for position in positions)


def _differing_neurons(neurons: Int[Tensor, " neuron"], sides: Sides) -> str:
    return ", ".join(
        f"neuron {neuron} is {'on' if found else 'off'}, not {'on' if expected else 'off'}"
        for neuron, found, expected in zip(
            neurons.tolist(), sides.network[0].tolist(), sides.program[0].tolist(), strict=True
        )
        if found != expected
    )


def _numbers(neurons: list[int]) -> str:
    return ", ".join(map(str, neurons))
