"""All circuit evidence of one network in one call, and the circuit in a few numbers."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from mechval import tables
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence import (
    ablations,
    attention_extremes,
    contributions,
    coverage,
    neuron_rows,
    recording,
    scores,
)
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.neurons import EFFECT_SHARE
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import formula_truth
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import TruthTableCounts

Filled: TypeAlias = Mapping[tables.Table[Any], Sequence[Any]]

TABLES: tuple[tables.Table[Any], ...] = (
    neuron_rows.NEURONS,
    neuron_rows.MEAN_ACTIVATIONS,
    recording.OWN_CLAUSE_ATTENTION,
    recording.FORMULA_ATTENTION,
    recording.MEAN_ATTENTION,
    scores.SCORES,
    scores.EXPECTED_ATTENTION,
    attention_extremes.WORST_CASES,
    attention_extremes.ANSWER_EXTREMES,
    scores.CLAUSE_SCORES,
    ablations.ABLATIONS,
    ablations.LOGIT_DIFFERENCES,
    neuron_rows.ASSIGNMENT_EFFECTS,
    coverage.COVERAGE,
    coverage.PROGRAM_QUALITY,
    contributions.PREACTIVATION_PARTS,
    contributions.HISTOGRAMS,
)


def gather_evidence(
    components: Components,
    circuit: Circuit,
    fit: Split,
    hidden: Float[Tensor, "formula d_mlp"],
    test: Split,
    max_leaves: int,
    seed: int,
) -> Filled:
    """Measure all circuit evidence of the paper (section 4, appendix) on a network of two blocks.
    ``circuit`` was extracted from block 1's activations ``hidden`` on ``fit``, and its trees were
    fitted with ``max_leaves`` and ``seed``; further trees are fitted on the same. Every other
    number is measured on ``test``. Returns the rows of each of ``TABLES``."""
    model, problem = components.model, components.problem
    # Of sums that cancel, float32 leaves digits that differ between machines.
    precise = copy.deepcopy(model).double()
    of_first_block = scores.first_block_scores(model)
    record = recording.record_answers(components, test)
    fit_truth, truth = (formula_truth(problem, split.clause_ids) for split in (fit, test))
    fit_tables, tables_seen = map(TruthTableCounts.of, (fit_truth, truth))
    covered, quality = [], []
    for name, reading in circuit.readings.items():
        of_fit = fit_tables, reading.bits(hidden).numpy()
        of_test = tables_seen, reading.bits(record.hidden).numpy()
        rows, found = coverage.program_rows(
            name, reading, of_fit, of_test, max_leaves=max_leaves, seed=seed
        )
        covered += rows
        quality += found
    return {
        neuron_rows.NEURONS: neuron_rows.neuron_rows(circuit),
        neuron_rows.MEAN_ACTIVATIONS: neuron_rows.mean_activation_rows(circuit),
        neuron_rows.ASSIGNMENT_EFFECTS: neuron_rows.assignment_effect_rows(
            circuit, record.hidden, torch.from_numpy(truth)
        ),
        recording.OWN_CLAUSE_ATTENTION: recording.own_clause_rows(circuit),
        recording.FORMULA_ATTENTION: recording.formula_attention_rows(components, test),
        recording.MEAN_ATTENTION: recording.mean_attention_rows(components, test, record),
        scores.CLAUSE_SCORES: scores.clause_score_rows(precise, problem),
        ablations.ABLATIONS: ablations.ablation_rows(model, circuit, record),
        ablations.LOGIT_DIFFERENCES: ablations.logit_difference_rows(model, problem, record),
        coverage.COVERAGE: covered,
        coverage.PROGRAM_QUALITY: quality,
        scores.SCORES: scores.score_rows(of_first_block, problem),
        scores.EXPECTED_ATTENTION: scores.expected_pattern_rows(of_first_block, problem),
        attention_extremes.WORST_CASES: attention_extremes.worst_case_rows(of_first_block, problem),
        attention_extremes.ANSWER_EXTREMES: attention_extremes.answer_extreme_rows(
            of_first_block, problem
        ),
        **contributions.contribution_tables(Components(precise, problem), circuit, test),
    }


@dataclass(frozen=True)
class CircuitFacts:
    """``circuit/metrics.json``. ``effect_share``: that the carrying neurons have.
    ``smallest_mean_own_clause_attention``: least over clause positions of what the strongest head
    puts on the clause's own two literals; heads are never added up, because each has attention of
    its own that sums to 1. ``norm_of_s_plus_u``: norm of the sum of their unembedding vectors.
    ``shown_neuron``: the one that is taken apart."""

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
        norm_of_s_plus_u=ablations.norm_of_answer_sum(model, problem),
        shown_neuron=contributions.shown_neuron(circuit),
    )
