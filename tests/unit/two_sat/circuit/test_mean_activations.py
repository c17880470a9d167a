"""What is recorded on a split, against the network run on all of it at once."""

import pytest
import torch

from mechval.two_sat.circuit.mean_activations import (
    Activations,
    mean_activation_by_assignment,
    record_activations,
)
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout, encode_formulas
from mechval.two_sat.network.components import Components, record_answer_states
from tests.networks import SMALL_PROBLEM, random_network, small_corpora


@pytest.fixture(scope="module")
def split() -> Split:
    return small_corpora(SMALL_PROBLEM, 600).splits["analysis.fit"]


@pytest.fixture(scope="module")
def recorded(split: Split) -> Activations:
    return record_activations(Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM), split)


@pytest.fixture(scope="module")
def tokens(split: Split) -> torch.Tensor:
    return encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids))


@torch.no_grad()
def test_means_and_activations_are_those_of_the_whole_split(
    recorded: Activations, tokens: torch.Tensor
) -> None:
    components = Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM)
    resid = components.parse(tokens)
    state = components.evaluate(resid)
    torch.testing.assert_close(recorded.mean_resid_post, resid.mean(dim=0))
    torch.testing.assert_close(recorded.mean_resid_mid, state.resid_mid.mean(dim=0))
    attn_out = components.answer_attention(resid)
    torch.testing.assert_close(recorded.mean_attn_out, attn_out.mean(dim=0))
    torch.testing.assert_close(recorded.hidden, state.hidden)
    assert recorded.labels.equal(components.output(state))


@torch.no_grad()
def test_own_clause_attention_is_what_the_two_literals_of_the_clause_get(
    recorded: Activations, tokens: torch.Tensor
) -> None:
    model = random_network(SMALL_PROBLEM)
    pattern = model.block(0).attn.pattern(model.embed(tokens)).mean(dim=0)
    expected = [
        [float(head[second, second] + head[second, second - 1]) for head in pattern]
        for second in FormulaLayout(SMALL_PROBLEM).second_literal_positions
    ]
    torch.testing.assert_close(recorded.own_clause_attention, torch.tensor(expected).T)


def test_the_batch_size_does_not_matter(
    split: Split, recorded: Activations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechval.two_sat.network.components.BATCH_SIZE", 37)
    again = record_activations(Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM), split)
    torch.testing.assert_close(again.mean_resid_post, recorded.mean_resid_post)
    torch.testing.assert_close(again.hidden, recorded.hidden)


def test_states_at_the_answer_position_keep_the_order_of_formulas(
    split: Split, recorded: Activations
) -> None:
    states = record_answer_states(Components(random_network(SMALL_PROBLEM), SMALL_PROBLEM), split)
    torch.testing.assert_close(states.hidden, recorded.hidden)


def test_mean_activation_is_over_the_formulas_an_assignment_satisfies() -> None:
    hidden = torch.tensor([[1.0, 0.0], [3.0, 5.0], [8.0, 1.0]])
    tables = torch.tensor([[True, False, False], [True, True, False], [False, True, False]])
    found = mean_activation_by_assignment(hidden, tables)
    assert found.tolist() == [[2.0, 5.5, 0.0], [2.5, 3.0, 0.0]]
