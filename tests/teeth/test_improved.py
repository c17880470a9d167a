"""The improved interpretation is better on held-out formulas, and a wrong one of its kind fails."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechval.axioms import AxiomReport, evaluate_axioms
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.claim.assess import axiom_batches
from mechval.two_sat.claim.improved.choose_parts import with_parse_gamma
from mechval.two_sat.claim.improved.fits import MinibatchDescent, fit_voting_program
from mechval.two_sat.claim.improved.fitted import fit_targets, table_widths
from mechval.two_sat.claim.improved.refined_parser import RefinedParser, fit_colon
from mechval.two_sat.claim.improved.starts import voting_start
from mechval.two_sat.claim.variants.variant import with_evaluate
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components, record_cuts
from tests.networks import PUBLISHED_PROBLEM, published_network, small_corpora
from tests.settings import TWO_SAT, changed
from tests.teeth.wrong import counts

pytestmark = pytest.mark.slow

FORMULAS = 12_000
DESCENT = MinibatchDescent(steps=300, batch_size=1000, rate=0.02)
TREES, COUNTING, VOTING = "trees", "trees/counting", "trees/counting/8 bits"
OTHERS_VOTES, OTHERS_COUNTS = "trees/counting/votes of the next neuron", "negated literals"
EVALUATE = "component equivalence/evaluate"
PARSE = "component replaceability/parse"


@pytest.fixture(scope="module")
def reports(published_checkpoint: Path) -> dict[str, AxiomReport]:
    problem, model = PUBLISHED_PROBLEM, published_network(published_checkpoint)
    splits = small_corpora(problem, FORMULAS).splits
    fit = splits["analysis.fit"]
    config = changed(TWO_SAT.circuit, readings=("paper",))
    circuit = extract_circuit(Components(model, problem), fit, config=config, seed=0)
    (base,) = make_interpretations(
        Components(model, problem),
        circuit,
        versions=("trees",),
        residuals=("resid_mid",),
    )
    resid_post, states = record_cuts(Components(model, problem), fit)
    program = fit_voting_program(
        problem,
        fit_targets(model, problem, circuit.readings["paper"], fit, states),
        voting_start(model, problem, circuit, circuit.readings["paper"], 0.999),
        bits_each=table_widths(8),
        descent=DESCENT,
        seed=0,
    )
    others = replace(program, votes=program.votes.roll(1, dims=0))
    programs = {"8 bits": program, "votes of the next neuron": others}
    colon = fit_colon(problem, fit, resid_post)
    parser = RefinedParser(problem, circuit.prototypes, circuit.mean_resid_post, colon)
    counting = with_parse_gamma(base, parser.gamma)
    literals = colon[1:].roll(problem.n_variables, dims=0)
    negated = replace(parser, colon=torch.cat([colon[:1], literals]))
    named = {
        TREES: base,
        COUNTING: counting,
        OTHERS_COUNTS: with_parse_gamma(base, negated.gamma),
        **{
            f"{COUNTING}/{name}": with_evaluate(counting, program=voting.bits)
            for name, voting in programs.items()
        },
    }
    found = evaluate_axioms(
        [replace(made, name=name, tags={}) for name, made in named.items()],
        axiom_batches(Components(model, problem), splits["analysis.test"]),
        strata_names=("UNSAT", "SAT"),
        mixtures={},
        confidence=0.95,
        constant_label=circuit.majority_label,
    )
    return {report.interpretation: report for report in found}


def epsilon(report: AxiomReport, name: str) -> float:
    (found,) = (cell.epsilon for cell in report.cells if cell.name == name)
    return found


def test_literal_counts_bring_parse_replaceability_below_its_aim(
    reports: dict[str, AxiomReport],
) -> None:
    assert epsilon(reports[TREES], PARSE) > 0.03
    assert epsilon(reports[COUNTING], PARSE) < 0.01


def test_counts_of_the_negated_literals_fail_it(reports: dict[str, AxiomReport]) -> None:
    assert epsilon(reports[OTHERS_COUNTS], PARSE) > 0.03


def test_voting_disagrees_less_than_half_as_often_as_trees(
    reports: dict[str, AxiomReport],
) -> None:
    trees, voting = (counts(reports[name])[EVALUATE] for name in (TREES, VOTING))
    assert voting < trees / 2


def test_no_cell_worsens(reports: dict[str, AxiomReport]) -> None:
    before, after = counts(reports[TREES]), counts(reports[VOTING])
    assert {cell for cell in before if after[cell] > before[cell]} == set()


def test_votes_of_another_neuron_fail_evaluate_on_every_satisfiable_formula(
    reports: dict[str, AxiomReport],
) -> None:
    # On the unsatisfiable half all neurons are off, whosever votes they go by.
    for cell in (EVALUATE, "prefix equivalence/evaluate"):
        assert epsilon(reports[OTHERS_VOTES], cell) > 0.49
        assert epsilon(reports[VOTING], cell) < 0.15


def test_votes_of_another_neuron_leave_parse_alone(reports: dict[str, AxiomReport]) -> None:
    wrong, right = counts(reports[OTHERS_VOTES]), counts(reports[VOTING])
    parse = [cell for cell in right if cell.endswith("/parse")]
    assert [wrong[cell] for cell in parse] == [right[cell] for cell in parse]
