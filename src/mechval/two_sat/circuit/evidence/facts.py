"""The circuit in a few numbers."""

from dataclasses import dataclass

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.ablations import norm_of_answer_sum
from mechval.two_sat.circuit.evidence.contributions import shown_neuron
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.neurons import EFFECT_SHARE
from mechval.two_sat.problem import Problem


@dataclass(frozen=True)
class CircuitFacts:
    """``circuit/metrics.json``.

    ``effect_share``: that the carrying neurons have. ``smallest_mean_own_clause_attention``: least
    over clause positions of what the strongest head puts on the clause's own two literals; heads
    are never added up, because each has attention of its own that sums to 1. ``norm_of_s_plus_u``:
    norm of the sum of their unembedding vectors. ``shown_neuron``: the one that is taken apart.
    """

    effect_share: float = tables.number(unit="%")
    carrying_neurons: int = tables.told()
    carrying_neurons_with_negative_coefficient: int = tables.told()
    smallest_mean_own_clause_attention: float = tables.number()
    norm_of_s_plus_u: float = tables.number()
    shown_neuron: int = tables.told()


FACTS = tables.Record("circuit/metrics.json", CircuitFacts)


def circuit_facts(model: Transformer, problem: Problem, circuit: Circuit) -> CircuitFacts:
    carrying = circuit.effects.carrying()
    return CircuitFacts(
        effect_share=EFFECT_SHARE,
        carrying_neurons=len(carrying),
        carrying_neurons_with_negative_coefficient=int(
            (circuit.effects.coefficient[carrying] < 0).sum()
        ),
        smallest_mean_own_clause_attention=float(circuit.own_clause_attention.amax(dim=0).min()),
        norm_of_s_plus_u=norm_of_answer_sum(model, problem),
        shown_neuron=shown_neuron(circuit),
    )
