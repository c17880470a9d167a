"""The extracted circuit: everything the interpretation needs, fitted on one split only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.errors import MechvalError
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.circuit.mean_activations import (
    Activations,
    mean_activation_by_assignment,
    record_activations,
)
from mechval.two_sat.circuit.neurons import (
    Levels,
    NeuronEffects,
    is_constant,
    neuron_effects,
    neuron_levels,
)
from mechval.two_sat.configs import CircuitConfig, ReadingName
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import formula_truth
from mechval.two_sat.network.components import Components
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import (
    Claimed,
    CodedProgram,
    FittedTrees,
    Fitting,
    TruthTableCounts,
)
from mechval.two_sat.programs.versions import CLAIMED


@dataclass(frozen=True)
class Reading:
    """Which neurons are read as bits, how, and the programs fitted to those bits. ``neurons``:
    indices of the evaluating neurons. ``constant_neurons``: those that the rule selects but whose
    bit never changes: refused. ``on_rate``: share of fitting formulas on which each evaluating
    neuron is on. ``mean_activation``: over the formulas each assignment satisfies. ``fitted``: the
    programs, by their version."""

    neurons: Int[Tensor, " neuron"]
    constant_neurons: Int[Tensor, " refused"]
    levels: Levels
    on_rate: Float[Tensor, " neuron"]
    mean_activation: Float[Tensor, "neuron assignment"]
    fitted: Mapping[str, Claimed]

    def bits(self, hidden: Float[Tensor, "formula d_mlp"]) -> Bool[Tensor, "formula neuron"]:
        """Which neurons are on, by the network's own activations."""
        return hidden[:, self.neurons] >= self.levels.cut

    @property
    def programs(self) -> Mapping[str, CodedProgram]:
        return {version: made.program for version, made in self.fitted.items()}

    @property
    def trees(self) -> FittedTrees:
        return cast(FittedTrees, self.fitted[FittedTrees.version])

    @property
    def disjunctions(self) -> DisjunctionProgram:
        return cast(DisjunctionProgram, self.fitted[DisjunctionProgram.version])

    def claiming(self, *programs: Claimed) -> "Reading":
        """The same reading with these programs in the place of those of their versions."""
        return replace(self, fitted={**self.fitted, **{made.version: made for made in programs}})


@dataclass(frozen=True)
class Circuit:
    """The circuit of one network. ``prototypes``: of the literal pairs, from weights alone.
    ``mean_hidden``: mean post-ReLU activations at the answer position. ``majority_label``: the
    network's most frequent label, the constant program of the suite."""

    prototypes: Float[Tensor, "pair d_model"]
    mean_resid_post: Float[Tensor, "pos d_model"]
    mean_resid_mid: Float[Tensor, " d_model"]
    mean_attn_out: Float[Tensor, " d_model"]
    mean_hidden: Float[Tensor, " d_mlp"]
    own_clause_attention: Float[Tensor, "head_index clause_position"]
    effects: NeuronEffects
    majority_label: int
    readings: Mapping[ReadingName, Reading]


def extract_circuit(
    components: Components,
    split: Split,
    *,
    config: CircuitConfig,
    seed: int,
    activations: Activations | None = None,
) -> Circuit:
    """Extract the circuit of a network from its weights and its activations on ``split``, which are
    recorded unless they are given. A reading that finds no neuron whose bit changes is left out;
    raises MechvalError if none finds one."""
    model, problem = components.model, components.problem
    activations = activations or record_activations(components, split)
    truth = formula_truth(problem, split.clause_ids)
    effects = neuron_effects(model, problem, activations.hidden)
    found: dict[ReadingName, Reading | None] = {
        name: _read_neurons(name, effects, activations.hidden, truth, config, seed)
        for name in config.readings
    }
    readings: dict[ReadingName, Reading] = {
        name: reading for name, reading in found.items() if reading is not None
    }
    if not readings:
        raise MechvalError(
            f"circuit.readings={list(config.readings)} find no neuron whose bit changes on the "
            "fitting split; allowed: a network with one."
        )
    return Circuit(
        prototypes=clause_prototypes(model, problem).cpu(),
        mean_resid_post=activations.mean_resid_post,
        mean_resid_mid=activations.mean_resid_mid,
        mean_attn_out=activations.mean_attn_out,
        mean_hidden=activations.hidden.mean(dim=0, dtype=torch.float64).float(),
        own_clause_attention=activations.own_clause_attention,
        effects=effects,
        majority_label=int(2 * activations.labels.sum() >= len(activations.labels)),
        readings=readings,
    )


def _read_neurons(
    name: ReadingName,
    effects: NeuronEffects,
    hidden: Float[Tensor, "formula d_mlp"],
    truth: Bool[np.ndarray, "formula assignment"],
    config: CircuitConfig,
    seed: int,
) -> Reading | None:
    """Read the neurons by one pair of rules; None where no selected bit ever changes."""
    selected = effects.evaluating(name, config)
    levels = neuron_levels(hidden[:, selected], name, config)
    bits = hidden[:, selected] >= levels.cut
    constant = is_constant(bits)
    if bool(constant.all()):
        return None
    changing = ~constant
    kept = Levels(levels.cut[changing], levels.high[changing])
    mean_activation = mean_activation_by_assignment(
        hidden[:, selected[changing]], torch.from_numpy(truth)
    )
    to = Fitting(
        tables=TruthTableCounts.of(truth),
        bits=bits[:, changing],
        mean_activation=mean_activation,
        cut=kept.cut,
        max_leaves=config.max_leaves,
        seed=seed,
    )
    return Reading(
        neurons=selected[changing],
        constant_neurons=selected[constant],
        levels=kept,
        on_rate=bits[:, changing].float().mean(dim=0),
        mean_activation=mean_activation,
        fitted={version: program.fit(to) for version, program in CLAIMED.items()},
    )
