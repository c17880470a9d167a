"""The lemmas of a theorem: what each says, its number, and what that number has been spared."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mechval.two_sat.certify.theorem import claims, neurons
from mechval.two_sat.certify.theorem.first_block import EnteredBlock, Odds, Read
from mechval.two_sat.certify.theorem.second_block import Sums
from mechval.two_sat.certify.theorem.theorem import (
    CELLS,
    LEMMAS,
    NEURONS,
    THEOREM,
    Lemma,
    LemmaRow,
    LemmaStatus,
    Theorem,
)
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.problem import Problem

STATEMENTS = {
    "own clause": "a second literal attends more to its own clause than to all before it, block 0",
    "constants": "`:` attends more to parentheses and itself than to all literals, block 0",
    "read positions": "`:` attends more to second literals and itself than to the rest, block 1",
    "parsed clauses": "α_1 reads every clause as it is written, the order of its literals aside",
    "neurons": "every live neuron is active exactly if its assignment satisfies the formula",
    "cover": "the live neurons evaluate all assignments",
    "satisfiable": "`s` leads every other token where some neuron is active",
    "unsatisfiable": "`u` leads `s` where no neuron is active",
    "no third token": "`u` leads every other token where no neuron is active",
    "neurons after γ_1": "the same neurons are active exactly so after γ_1, and no other is",
    "satisfiable after γ_1": "`s` leads every other token there where some neuron is active",
    "unsatisfiable after γ_1": "`u` leads `s` there where no neuron is active",
    "bits": "every neuron of the reading reaches its cut exactly if it is active",
    "covering bits": "the neurons of the reading evaluate all assignments",
    "program": "every neuron's program is the bit of its assignment",
    "written bits": "`s` leads after γ_2 exactly if some bit is on, whatever the bits",
}
ABOUT = {
    "bits": ("reading",),
    "covering bits": ("reading",),
    "program": ("version", "reading"),
    "written bits": ("reading", "residual"),
}
"""The kinds of which there is one lemma for each reading, version or residual stream."""


@dataclass(frozen=True, eq=False)
class Level:
    """The numbers of the proof at one degree of care.

    The proof is the one with contamination and rounding; others tell what each of them costs.
    """

    ranges: neurons.PreActivationBounds
    answers: neurons.Answers
    parsed: float
    substituted: neurons.PreActivationBounds
    substituted_answers: neurons.Answers


def write_theorem(theorem: Theorem, folder: Path) -> None:
    """Write a theorem and its tables; same theorem, same bytes."""
    said = {
        lemma_name(kind, **cell.tags): statement
        for cell in theorem.cells
        for kind, statement in STATEMENTS.items()
    }
    rows = [LemmaRow(**vars(lemma), statement=said[lemma.name]) for lemma in theorem.lemmas]
    THEOREM.write(theorem, folder)
    LEMMAS.write(rows, folder)
    NEURONS.write(theorem.neurons, folder)
    CELLS.write(theorem.cells, folder)


def lemma_name(kind: str, **tags: str) -> str:
    """The name of a lemma: its kind, and of an interpretation's tags those that it is about."""
    about = "/".join(tags[tag] for tag in ABOUT.get(kind, ()))
    return f"{kind} {about}" if about else kind


def attention_lemmas(read: Read, own: Sums) -> list[Lemma]:
    """What contaminates the states that are read, and by how little."""
    assert own.odds is not None
    found = {"own clause": read.clause_odds, "constants": read.colon_odds}
    return [_odds_lemma(name, odds) for name, odds in {**found, "read positions": own.odds}.items()]


def network_lemmas(
    problem: Problem, evaluators: neurons.Evaluators, levels: Sequence[Level]
) -> list[Lemma]:
    """From clauses to the answer, of the network itself."""
    cover = claims.check_cover(evaluators.assignment.tolist(), problem.n_assignments)
    weakest = _weakest(evaluators, levels[0].ranges)
    return [
        _measured("parsed clauses", levels, lambda level: level.parsed, "similarity"),
        _measured("neurons", levels, lambda x: x.ranges.margin, "pre-activation", weakest),
        _finite("cover", cover),
        _measured("satisfiable", levels, lambda x: x.answers.satisfiable, "logits"),
        _measured("unsatisfiable", levels, lambda x: x.answers.unsatisfiable, "logits"),
        _measured("no third token", levels, lambda x: x.answers.all_tokens, "logits"),
    ]


def substituted_lemmas(
    evaluators: neurons.Evaluators, levels: Sequence[Level], strangers: Sequence[int]
) -> list[Lemma]:
    """The same after γ_1; ``strangers`` are neurons that may be active there alone."""
    name, weakest = "neurons after γ_1", _weakest(evaluators, levels[0].substituted)
    alike = _measured(name, levels, lambda x: x.substituted.margin, "pre-activation", weakest)
    if strangers:
        alike = _finite(name, claims.Claim(None, f"neuron {strangers[0]} may be active there"))
    answers = "logits"
    return [
        alike,
        _measured(
            "satisfiable after γ_1", levels, lambda x: x.substituted_answers.satisfiable, answers
        ),
        _measured(
            "unsatisfiable after γ_1",
            levels,
            lambda x: x.substituted_answers.unsatisfiable,
            answers,
        ),
    ]


def claim_lemmas(
    entered: EnteredBlock,
    circuit: Circuit,
    evaluators: neurons.Evaluators,
    ranges: Sequence[neurons.PreActivationBounds],
) -> list[Lemma]:
    """What the circuit claims, reading by reading; ``ranges`` with and without contamination."""
    found = []
    for name, reading in circuit.readings.items():
        bits = [claims.check_bits(reading, evaluators, each) for each in ranges]
        covered = claims.covered_by(reading, evaluators)
        cover = claims.check_cover(covered, entered.problem.n_assignments)
        found += [
            _claimed("bits", {"reading": name}, bits, "activation"),
            _finite("covering bits", cover, reading=name),
        ]
        for version in claims.VERSIONS:
            same = claims.check_program(reading, reading.programs[version], evaluators)
            found.append(_finite("program", same, version=version, reading=name))
        for residual, resid in claims.residuals(circuit).items():
            parts = reading.neurons, reading.levels.high, circuit.mean_hidden, resid
            leads = neurons.written_leads(entered, *parts)
            found.append(_written({"reading": name, "residual": residual}, leads))
    return found


def _written(tags: Mapping[str, str], leads: neurons.Answers) -> Lemma:
    margin = min(leads.satisfiable, leads.unsatisfiable)
    margin = margin if not math.isnan(leads.satisfiable + leads.unsatisfiable) else math.nan
    side = "some bit on" if leads.satisfiable == margin else "no bit on"
    return _lemma("written bits", tags, margin, None, leads.rounding, "logits", side)


def _odds_lemma(name: str, odds: Odds) -> Lemma:
    return _lemma(name, {}, odds.least, None, odds.rounding, "log-odds", "")


def _measured(
    name: str, levels: Sequence[Level], number: Callable[[Level], float], unit: str, at: str = ""
) -> Lemma:
    margin, clean, centre = map(number, levels)
    return _lemma(name, {}, margin, clean - margin, centre - clean, unit, at)


def _claimed(
    kind: str, tags: Mapping[str, str], claims_: Sequence[claims.Claim], unit: str
) -> Lemma:
    margin, clean, centre = (claim.margin for claim in claims_)
    if margin is None or clean is None or centre is None:
        return _finite(kind, claims_[0], **tags)
    stopped = claims_[0].stopped_by or ""
    return _lemma(kind, tags, margin, clean - margin, centre - clean, unit, stopped)


def _finite(kind: str, claim: claims.Claim, **tags: str) -> Lemma:
    status = LemmaStatus.UNKNOWN if claim.stopped_by else LemmaStatus.PROVED
    return Lemma(
        name=lemma_name(kind, **tags),
        status=status,
        stopped_by=claim.stopped_by,
    )


def _lemma(
    kind: str,
    tags: Mapping[str, str],
    margin: float,
    moved: float | None,
    rounding: float | None,
    unit: str,
    at: str,
) -> Lemma:
    """A lemma that holds where its margin is positive; NaN is not."""
    proved = margin > 0
    number = f"the margin is {margin:.4g} {unit}"
    if math.isnan(margin):
        number = "no bound: what contaminates it exceeds the range of numbers"
    number += f" ({at})" if at and not math.isnan(margin) else ""
    return Lemma(
        name=lemma_name(kind, **tags),
        status=LemmaStatus.PROVED if proved else LemmaStatus.UNKNOWN,
        margin=_number(margin),
        moved=_cost(moved),
        rounding=_cost(rounding),
        unit=unit,
        stopped_by=None if proved else number,
    )


def _number(value: float) -> float | None:
    """None for a bound that is not there: rounding or contamination took all of it."""
    return value if math.isfinite(value) else None


def _cost(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else max(value, 0.0)


def _weakest(evaluators: neurons.Evaluators, ranges: neurons.PreActivationBounds) -> str:
    if not len(ranges.on):
        return "no neuron is ever active"
    worst = int(torch.minimum(ranges.on, -ranges.off).nan_to_num(-torch.inf).argmin())
    return (
        f"neuron {int(evaluators.neuron[worst])}, assignment {int(evaluators.assignment[worst])}: "
        f"at least {float(ranges.on[worst]):.4g} where it should be active, at most "
        f"{float(ranges.off[worst]):.4g} elsewhere"
    )
