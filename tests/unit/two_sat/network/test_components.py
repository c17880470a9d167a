"""The three components, composed, are the network."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.problem import Problem
from tests.networks import SMALL_PROBLEM, random_network

PROBLEMS = st.builds(Problem, n_variables=st.integers(3, 5), n_clauses=st.integers(4, 6))


def random_tokens(problem: Problem, seed: int, n_formulas: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = (n_formulas, problem.n_clauses)
    return encode_formulas(
        problem, torch.randint(problem.n_distinct_clauses, size, generator=generator)
    )


@settings(max_examples=20)
@given(problem=PROBLEMS, seed=st.integers(0, 1000))
def test_components_composed_are_the_whole_network(problem: Problem, seed: int) -> None:
    model = random_network(problem, seed).double()
    components, tokens = Components(model, problem), random_tokens(problem, seed)
    composed = components.answer_logits(components.evaluate(components.parse(tokens)))
    torch.testing.assert_close(composed, model(tokens)[:, -1], atol=1e-10, rtol=1e-10)


def test_the_state_at_the_second_cut_is_what_the_last_mlp_reads_and_computes() -> None:
    model = random_network(SMALL_PROBLEM)
    components, tokens = Components(model, SMALL_PROBLEM), random_tokens(SMALL_PROBLEM, 0)
    resid = components.parse(tokens)
    state = components.evaluate(resid)
    resid_mid = (resid + model.block(1).attn(resid))[:, -1]
    torch.testing.assert_close(state.resid_mid, resid_mid)
    torch.testing.assert_close(state.hidden, model.block(1).mlp.hidden(resid_mid))


def test_the_label_is_1_only_where_s_beats_every_other_token() -> None:
    model = random_network(SMALL_PROBLEM)
    components, vocabulary = Components(model, SMALL_PROBLEM), Vocabulary(SMALL_PROBLEM)
    with torch.no_grad():
        # The logits are then the first entries of the residual stream.
        model.W_U.copy_(torch.eye(16)[:, : vocabulary.d_vocab])
        model.block(1).mlp.b_out.zero_()
    winners = torch.tensor([vocabulary.satisfiable, vocabulary.unsatisfiable, 0])
    resid_mid = 5 * torch.eye(16)[winners]
    state = AnswerState(torch.zeros(3, 24), resid_mid)
    assert components.output(state).tolist() == [1, 0, 0]
