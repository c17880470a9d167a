"""Numbers of the circuit evidence that are quoted by name, from its tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import TypeAlias

from mechval.two_sat.circuit.evidence import (
    ablations,
    attention_extremes,
    coverage,
    gather,
    neuron_rows,
)
from mechval.two_sat.circuit.evidence.gather import Filled


@dataclass(frozen=True)
class Fact:
    """One number; rates come with the count behind them, and what was measured with its N."""

    value: float
    count: int | None = None
    n: int | None = None


Facts: TypeAlias = Iterator[tuple[str, Fact]]


def evidence_facts(evidence: Filled, circuit: gather.CircuitFacts) -> dict[str, Fact]:
    """Everything that is quoted, by name."""
    return {
        **dict(_ablations(evidence)),
        **dict(_weights(evidence)),
        **dict(neuron_facts(evidence)),
        **dict(_programs(evidence)),
        "unembedding.norm_of_s_plus_u": Fact(circuit.norm_of_s_plus_u),
        "contributions.default_neuron": Fact(float(circuit.shown_neuron)),
    }


def load_facts(directory: Path) -> dict[str, Fact]:
    """The facts of a finished circuit stage; raises MechvalError naming a table it lacks."""
    used = (
        ablations.ABLATIONS,
        ablations.LOGIT_DIFFERENCES,
        attention_extremes.ANSWER_EXTREMES,
        neuron_rows.ASSIGNMENT_EFFECTS,
        neuron_rows.NEURONS,
        coverage.COVERAGE,
        coverage.PROGRAM_QUALITY,
        attention_extremes.WORST_CASES,
    )
    evidence = {table: table.read(directory) for table in used}
    return evidence_facts(evidence, gather.FACTS.read(directory))


def _ablations(evidence: Filled) -> Facts:
    for row in evidence[ablations.ABLATIONS]:
        yield f"ablation.{row.ablation}", Fact(row.rate, row.flips, row.n)
    for row in evidence[ablations.LOGIT_DIFFERENCES]:
        for name in ("smallest", "largest", "mean"):
            yield f"logit_difference.{row.part}.{name}", Fact(getattr(row, name), n=row.n)


def _weights(evidence: Filled) -> Facts:
    """The most extreme weights of attention over all heads and clauses."""
    of_answer = evidence[attention_extremes.ANSWER_EXTREMES]
    for version in dict.fromkeys(row.version for row in of_answer):
        chosen = [row for row in of_answer if row.version == version]
        least, most = min(row.smallest for row in chosen), max(row.largest for row in chosen)
        yield f"answer_attention.{version}.smallest", Fact(least)
        yield f"answer_attention.{version}.largest", Fact(most)
    worst = evidence[attention_extremes.WORST_CASES]
    for choice, target in dict.fromkeys((row.choice, row.target) for row in worst):
        weights = [row.weight for row in worst if (row.choice, row.target) == (choice, target)]
        yield f"worst_case.{choice}.{target}", Fact(min(weights))


def neuron_facts(evidence: Filled) -> Facts:
    """By the paper's rule a neuron evaluates if its largest effect exceeds 0.1."""
    effects = evidence[neuron_rows.ASSIGNMENT_EFFECTS]
    yield "assignments.smallest_total_effect", Fact(min(row.total_effect for row in effects))
    evaluating, idle = [], [0.0, 0.0]
    for row in evidence[neuron_rows.NEURONS]:
        if row.coefficient * row.max_activation > 0.1:
            evaluating.append(row.coefficient)
        else:
            idle.append(abs(row.coefficient))
    idle.sort(reverse=True)
    yield "coefficients.evaluating_neurons", Fact(float(len(evaluating)))
    yield "coefficients.largest_idle", Fact(idle[0])
    yield "coefficients.second_largest_idle", Fact(idle[1])
    if evaluating:
        yield "coefficients.smallest_evaluating", Fact(min(evaluating))


def _programs(evidence: Filled) -> Facts:
    quality = evidence[coverage.PROGRAM_QUALITY]
    for row in evidence[coverage.COVERAGE]:
        place = f"{row.reading}.{row.program}"
        for name in ("pruned", "unpruned"):
            missed = row.assignments - getattr(row, f"covered_{name}")
            yield f"coverage.{place}.missed_{name}", Fact(float(missed))
        chosen = [neuron for neuron in quality if neuron.reading == row.reading]
        scores = [neuron.f1(row.program) for neuron in chosen]
        yield f"f1.{place}.mean", Fact(mean(scores), n=chosen[0].n)
        yield f"f1.{place}.smallest", Fact(min(scores), n=chosen[0].n)
