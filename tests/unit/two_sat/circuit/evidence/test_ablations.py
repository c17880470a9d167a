"""Ablations of block 1 and the scores of clauses, on networks whose answer is known."""

import pytest
import torch

from mechval.axioms import clopper_pearson_upper
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.ablations import (
    SIDE_CONFIDENCE,
    AblationRow,
    ablation_rows,
    logit_difference_rows,
    norm_of_answer_sum,
)
from mechval.two_sat.circuit.evidence.recording import record_answers
from mechval.two_sat.circuit.evidence.scores import analytic_answer_resid, clause_score_rows
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.network.components import Components
from tests.networks import SMALL_PROBLEM, hand_made_circuit, random_network, small_corpora

VOCABULARY = Vocabulary(SMALL_PROBLEM)


@pytest.fixture(scope="module")
def split() -> Split:
    return small_corpora(SMALL_PROBLEM, 400).splits["analysis.test"]


def rows_of(model: Transformer, split: Split) -> list[AblationRow]:
    record = record_answers(Components(model, SMALL_PROBLEM), split)
    return ablation_rows(model, hand_made_circuit(SMALL_PROBLEM), record)


def flips(model: Transformer, split: Split) -> dict[str, int]:
    return {row.ablation: row.flips for row in rows_of(model, split)}


def test_a_network_whose_last_mlp_is_silent_does_not_need_it(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        model.block(1).mlp.W_out.zero_()
    assert flips(model, split)["mlp_is_identity"] == 0


def test_a_network_that_decides_in_its_last_mlp_does_not_need_the_skip(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        model.block(1).mlp.W_out.mul_(1e4)
    found = flips(model, split)
    assert found["no_skip"] == found["skip_is_mean_resid_mid"] == 0
    assert found["mlp_is_identity"] != 0


@torch.inference_mode()
def test_flips_are_counted_on_the_argmax_over_all_tokens(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    record = record_answers(Components(model, SMALL_PROBLEM), split)
    mlp = model.block(1).mlp.project(record.hidden)
    circuit = hand_made_circuit(SMALL_PROBLEM)
    full = ((record.resid_mid + mlp) @ model.W_U).argmax(dim=1)
    streams = {
        "skip_is_mean_attn_out": circuit.mean_attn_out + mlp,
        "skip_is_mean_resid_mid": circuit.mean_resid_mid + mlp,
        "no_attn_out_in_skip": record.resid_pre + mlp,
        "mean_attn_out_in_skip": record.resid_pre + circuit.mean_attn_out + mlp,
    }
    found = flips(model, split)
    for name, stream in streams.items():
        assert found[name] == int(((stream @ model.W_U).argmax(dim=1) != full).sum())
    assert found["skip_is_mean_attn_out"] != found["skip_is_mean_resid_mid"]


def test_rates_carry_their_bounds(split: Split) -> None:
    for row in rows_of(random_network(SMALL_PROBLEM), split):
        assert row.upper == clopper_pearson_upper(row.flips, row.n, SIDE_CONFIDENCE)
        assert row.lower <= row.rate == row.flips / row.n <= row.upper


def test_opposite_answer_vectors_add_up_to_nothing() -> None:
    model = random_network(SMALL_PROBLEM)
    assert norm_of_answer_sum(model, SMALL_PROBLEM) > 0.1
    with torch.no_grad():
        model.W_U[:, VOCABULARY.unsatisfiable] = -model.W_U[:, VOCABULARY.satisfiable]
    assert norm_of_answer_sum(model, SMALL_PROBLEM) == 0


def test_logit_differences_of_the_two_parts_add_up(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    record = record_answers(Components(model, SMALL_PROBLEM), split)
    pre, attn, mid = logit_difference_rows(model, SMALL_PROBLEM, record)
    assert mid.mean == pytest.approx(pre.mean + attn.mean, abs=1e-5)
    assert mid.smallest < mid.mean < mid.largest


@torch.inference_mode()
def test_the_analytic_answer_stream_is_exact_for_uniform_attention_and_equal_literals(
    split: Split,
) -> None:
    model = random_network(SMALL_PROBLEM)
    model.block(0).attn.query.zero_()
    tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(split.clause_ids[:20]))
    analytic = analytic_answer_resid(model, SMALL_PROBLEM)
    before = model.block(0)(model.embed(tokens))[:, -1]
    assert not torch.allclose(before, analytic.expand_as(before), atol=1e-3)
    model.W_E[: SMALL_PROBLEM.n_literals] = model.W_E[0].clone()
    analytic = analytic_answer_resid(model, SMALL_PROBLEM)
    after = model.block(0)(model.embed(tokens))[:, -1]
    torch.testing.assert_close(after, analytic.expand_as(after))


def test_every_ordered_pair_is_scored_in_every_head() -> None:
    rows = clause_score_rows(random_network(SMALL_PROBLEM), SMALL_PROBLEM)
    assert len({(row.head, row.first, row.second) for row in rows}) == 2 * 6**2
    assert (rows[1].first, rows[1].second) == ("x0", "x1")
