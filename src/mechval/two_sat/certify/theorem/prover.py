"""The theorem of one network: every lemma computed, every cell derived from lemmas.

The domain is all formulas: ordered lists of n_clauses clauses, repetition allowed. Real arithmetic
on the stored weights, prototypes, means, cuts and high values; rounding of the proof's own float64
arithmetic is bounded and taken off.
"""

import math
from dataclasses import replace

import torch

from mechval.transformer import Transformer
from mechval.two_sat.certify.parsing.certificate import weights_digest
from mechval.two_sat.certify.theorem import balls, composition, lemmas, neurons, second_block
from mechval.two_sat.certify.theorem.first_block import EnteredBlock, Read
from mechval.two_sat.certify.theorem.lemmas import Level
from mechval.two_sat.certify.theorem.listing import Listing
from mechval.two_sat.certify.theorem.theorem import NeuronBound, Theorem
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.problem import Problem

_SECONDS = 0.003
"""Fits the sizes of ``benchmarks/proof_growth.py``."""


def estimate_seconds(problem: Problem) -> float:
    """About how long finding and checking a proof take on one thread."""
    return _SECONDS * problem.n_variables**2 * problem.n_clauses**1.5


@torch.inference_mode()
def prove_theorem(
    model: Transformer,
    problem: Problem,
    circuit: Circuit,
    circuit_sha256: str,
    listing: Listing | None = None,
) -> Theorem:
    """Prove all that follows in closed form, and say of the rest what stopped it.

    Args:
        circuit_sha256: of the circuit's files, see `theorem.circuit_digest`.
        listing: of the network's neurons, which is used where the closed form does not prove them.

    Raises:
        MechvalError: for a network outside the family, or of another size.
    """
    entered = EnteredBlock(model, problem)
    read, plain = entered.read(), entered.read(contaminated=False)
    own = second_block.own_sums(entered, read)
    clean = second_block.own_sums(entered, plain, contaminated=False)
    after = second_block.substituted_sums(entered, circuit)
    evaluators = neurons.find_evaluators(entered, own)
    centre = replace(plain, clauses=balls.exact(plain.clauses.mid))
    sums = ((read, own, after), (plain, clean, after), (centre, clean.centre, after.centre))
    closed = [neurons.neuron_ranges(each, evaluators).margin for each in (own, after)]
    used = None if min(closed) > 0 else listing
    levels = [_level(entered, circuit, evaluators, used, *each) for each in sums]
    strangers = set(neurons.find_evaluators(entered, after).neuron.tolist())
    strangers -= set(evaluators.neuron.tolist())
    found = [
        *lemmas.attention_lemmas(read, own),
        *lemmas.network_lemmas(problem, evaluators, levels),
        *lemmas.substituted_lemmas(evaluators, levels, sorted(strangers)),
        *lemmas.claim_lemmas(entered, circuit, evaluators, [level.ranges for level in levels]),
    ]
    cells = composition.derive_cells(found, circuit.readings)
    return Theorem(
        n_variables=problem.n_variables,
        n_clauses=problem.n_clauses,
        formulas=str(problem.n_formulas),
        weights_sha256=weights_digest(model),
        circuit_sha256=circuit_sha256,
        **vars(composition.judge(found, cells)),
        terms=2 * len(evaluators.neuron) * problem.n_clauses * problem.n_distinct_clauses,
        lemmas=tuple(found),
        neurons=tuple(_neuron_bounds(evaluators, levels)),
        cells=tuple(cells),
    ).sealed()


def _level(
    entered: EnteredBlock,
    circuit: Circuit,
    evaluators: neurons.Evaluators,
    listing: Listing | None,
    read: Read,
    own: second_block.Sums,
    after: second_block.Sums,
) -> Level:
    ranges, substituted = (neurons.neuron_ranges(each, evaluators) for each in (own, after))
    if listing is not None:
        ranges = ranges.tightened(listing.ranges(own))
        substituted = substituted.tightened(listing.ranges(after))
    alike = {"is_averaged": listing is None}
    return Level(
        ranges,
        neurons.answer_leads(entered, own, evaluators, ranges, **alike),
        parsing_margin(entered, read, circuit),
        substituted,
        neurons.answer_leads(entered, after, evaluators, substituted, **alike),
    )


def parsing_margin(entered: EnteredBlock, read: Read, circuit: Circuit) -> float:
    """Least lead of a clause's better prototype over every other pair's, in similarity."""
    n_literals, stored = entered.problem.n_literals, balls.exact(circuit.prototypes)
    norm = (stored * stored).sum(1)
    length = balls.between(norm.lower.sqrt() * (1 - 2.0**-50), norm.upper.sqrt() * (1 + 2.0**-50))
    similar = read.clauses @ (stored * balls.reciprocal(length)[:, None]).transposed()
    first, second = entered.clauses.T
    accepted = torch.stack([first * n_literals + second, second * n_literals + first])
    case = torch.arange(len(first))
    best = similar.lower[:, case, accepted].amax(1)
    rivals = similar.upper.clone()
    rivals[:, case, accepted] = -torch.inf
    return float((best - rivals.amax(2)).amin() - balls.UNIT * best.abs().amax())


def _neuron_bounds(evaluators: neurons.Evaluators, levels: list[Level]) -> list[NeuronBound]:
    """One row per live neuron."""
    full, centre = levels[0].ranges, levels[-1].ranges
    interval = torch.stack(
        [centre.on - full.on, full.off - centre.off, full.highest - centre.highest]
    ).amax(0)
    rows = zip(
        evaluators.neuron.tolist(),
        evaluators.assignment.tolist(),
        *(each.tolist() for each in (full.on, full.off, full.highest, interval)),
        strict=True,
    )
    return [
        NeuronBound(
            neuron=neuron,
            assignment=assignment,
            **{
                name: value if math.isfinite(value) else None
                for name, value in zip(("on", "off", "highest", "interval"), bounds, strict=True)
            },
        )
        for neuron, assignment, *bounds in rows
    ]
