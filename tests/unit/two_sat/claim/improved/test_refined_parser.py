import pytest
import torch

from mechval.two_sat.claim.improved.refined_parser import RefinedParser, fit_colon
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.network.components import Components, record_cuts
from tests.networks import SMALL_PROBLEM, hand_made_circuit, random_network, small_corpora

N = 400


@pytest.fixture(scope="module")
def parser() -> RefinedParser:
    circuit = hand_made_circuit(SMALL_PROBLEM)
    split = small_corpora(SMALL_PROBLEM, 2 * N).splits["analysis.fit"]
    resid_post, _ = record_cuts(Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM), split)
    colon = fit_colon(SMALL_PROBLEM, split, resid_post)
    return RefinedParser(SMALL_PROBLEM, circuit.prototypes, circuit.mean_resid_post, colon)


def states() -> tuple[torch.Tensor, torch.Tensor]:
    split = small_corpora(SMALL_PROBLEM, 2 * N).splits["analysis.test"]
    tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids))
    with torch.inference_mode():
        return tokens, Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM).parse(tokens)


def test_literal_counts_predict_the_answer_position_better_than_the_mean(
    parser: RefinedParser,
) -> None:
    tokens, resid = states()
    answer = FormulaLayout(SMALL_PROBLEM).answer_position
    own = resid[:, answer]
    written = parser.gamma(parser.program(tokens))[:, answer]
    assert float((written - own).square().sum()) < 0.3 * float((own - own.mean(0)).square().sum())


def test_all_other_positions_are_those_of_the_paper(parser: RefinedParser) -> None:
    tokens, _ = states()
    pairs = parser.program(tokens)
    paper = ClauseParser(SMALL_PROBLEM, parser.prototypes, parser.mean_resid_post)
    answer = FormulaLayout(SMALL_PROBLEM).answer_position
    assert parser.gamma(pairs)[:, :answer].equal(paper.gamma(pairs)[:, :answer])


def test_the_order_of_clauses_does_not_reach_the_answer_position(parser: RefinedParser) -> None:
    tokens, _ = states()
    pairs = parser.program(tokens)
    answer = FormulaLayout(SMALL_PROBLEM).answer_position
    torch.testing.assert_close(
        parser.gamma(pairs)[:, answer], parser.gamma(pairs.flip(1))[:, answer]
    )
