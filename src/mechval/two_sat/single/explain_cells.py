"""Where the network and its interpretations part ways on one formula, cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval.axioms import Sides, examine_cells
from mechval.two_sat.configs import Version
from mechval.two_sat.formulas.text import write_pair
from mechval.two_sat.interpretation import PARSE, make_interpretations
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.subject import Explained

VERSIONS: tuple[Version, ...] = ("trees", "disjunction")
_RESIDUAL = "resid_mid"
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class CellOutcome:
    """One distinct cell of one interpretation on this formula.

    Attributes:
        interpretation: its name.
        axiom: its name in words.
        component: whose cell it is.
        disagrees: whether the two sides part ways.
        network: the network's side, where they part only the parts that do.
        interpreted: the side with the program in it, likewise.
        wrong: which side contradicts the formula itself (its clauses, or PySAT's answer):
            network, interpretation, or nothing where they agree or the formula does not tell.
    """

    interpretation: str
    axiom: str
    component: str
    disagrees: bool
    network: str
    interpreted: str
    wrong: str


def examine_formula(
    explained: Explained,
    components: Components,
    tokens: Int[Tensor, "1 pos"],
    *,
    satisfiable: bool,
) -> tuple[CellOutcome, ...]:
    """Every distinct cell of both versions, under the explained reading and the corrected γ_2.

    Args:
        explained: the network and its circuit.
        components: of that network.
        tokens: of one formula.
        satisfiable: whether it has a model.
    """
    interpretations = make_interpretations(
        components,
        explained.problem,
        explained.circuit,
        versions=VERSIONS,
        residuals=(_RESIDUAL,),
        device=_CPU,
    )
    chosen = [known for known in interpretations if f"/{explained.reading}/" in known.name]
    return tuple(
        _outcome(explained, interpretation.name, sides, satisfiable)
        for interpretation in chosen
        for sides in examine_cells(interpretation, tokens)
    )


def _outcome(explained: Explained, name: str, sides: Sides, satisfiable: bool) -> CellOutcome:
    disagrees = bool(sides.disagrees[0])
    network, interpreted = sides.network[0], sides.program[0]
    wrong = ""
    if network.ndim == 0:
        texts = [("UNSAT", "SAT")[int(label)] for label in (network, interpreted)]
        if disagrees:
            wrong = "network" if bool(network) != satisfiable else "interpretation"
    elif sides.component == PARSE:
        texts = _differing_clauses(explained.problem, network, interpreted)
        wrong = "network" if disagrees else ""
    else:
        texts = _differing_neurons(explained, network, interpreted)
    return CellOutcome(
        interpretation=name,
        axiom=sides.key.axiom.label,
        component=sides.component,
        disagrees=disagrees,
        network=texts[0],
        interpreted=texts[1],
        wrong=wrong,
    )


def _differing_clauses(
    problem: Problem,
    found: Int[Tensor, " clause_position"],
    expected: Int[Tensor, " clause_position"],
) -> Sequence[str]:
    n = problem.n_literals
    swapped = expected % n * n + expected // n
    places = ((found != expected) & (found != swapped)).nonzero().flatten().tolist()

    def write(pairs: Int[Tensor, " clause_position"]) -> str:
        return ", ".join(
            f"clause {place + 1} {write_pair(problem, int(pairs[place]))}" for place in places
        )

    return [write(pairs) if places else f"{len(found)} clauses" for pairs in (found, expected)]


def _differing_neurons(
    explained: Explained, found: Bool[Tensor, " neuron"], expected: Bool[Tensor, " neuron"]
) -> Sequence[str]:
    neurons = explained.circuit.readings[explained.reading].neurons
    places = (found != expected).nonzero().flatten()

    def write(bits: Bool[Tensor, " neuron"]) -> str:
        on = neurons[places[bits[places]]].tolist()
        off = neurons[places[~bits[places]]].tolist()
        parts = [(on, "on"), (off, "off")]
        return ", ".join(f"{', '.join(map(str, who))} {how}" for who, how in parts if who)

    return [write(bits) if len(places) else f"{int(bits.sum())} on" for bits in (found, expected)]
