"""Ablations of block 1 and the scores of clauses, on networks whose answer is known."""

import pytest
import torch

from mechval.axioms import clopper_pearson_upper
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.ablations import ABLATIONS, SIDE_CONFIDENCE, ablation_evidence
from mechval.two_sat.circuit.evidence.clause_scores import analytic_answer_resid, clause_score_rows
from mechval.two_sat.circuit.evidence.record import Evidence
from mechval.two_sat.circuit.evidence.recording import record_answers
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from tests.networks import CPU, SMALL_PROBLEM, hand_made_circuit, random_network, small_corpora

VOCABULARY = Vocabulary(SMALL_PROBLEM)


@pytest.fixture(scope="module")
def split() -> Split:
    return small_corpora(SMALL_PROBLEM, 400).splits["analysis.test"]


def evidence_of(model: Transformer, split: Split) -> Evidence:
    record = record_answers(model, SMALL_PROBLEM, split, CPU)
    return ablation_evidence(model, SMALL_PROBLEM, hand_made_circuit(SMALL_PROBLEM), record)


def flips(evidence: Evidence) -> dict[str, int | None]:
    return {name: evidence.facts[f"ablation.{name}"].count for name in ABLATIONS}


def test_a_network_whose_last_mlp_is_silent_does_not_need_it(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        model.block(1).mlp.W_out.zero_()
    assert flips(evidence_of(model, split))["mlp_is_identity"] == 0


def test_a_network_that_decides_in_its_last_mlp_does_not_need_the_skip(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    with torch.no_grad():
        model.block(1).mlp.W_out.mul_(1e4)
    found = flips(evidence_of(model, split))
    assert found["no_skip"] == found["skip_is_mean_resid_mid"] == 0
    assert found["mlp_is_identity"] != 0


@torch.inference_mode()
def test_flips_are_counted_on_the_argmax_over_all_tokens(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    record = record_answers(model, SMALL_PROBLEM, split, CPU)
    mlp = model.block(1).mlp.project(record.hidden)
    circuit = hand_made_circuit(SMALL_PROBLEM)
    full = ((record.resid_mid + mlp) @ model.W_U).argmax(dim=1)
    streams = {
        "skip_is_mean_attn_out": circuit.mean_attn_out + mlp,
        "skip_is_mean_resid_mid": circuit.mean_resid_mid + mlp,
        "no_attn_out_in_skip": record.resid_pre + mlp,
        "mean_attn_out_in_skip": record.resid_pre + circuit.mean_attn_out + mlp,
    }
    found = flips(evidence_of(model, split))
    for name, stream in streams.items():
        assert found[name] == int(((stream @ model.W_U).argmax(dim=1) != full).sum())
    assert found["skip_is_mean_attn_out"] != found["skip_is_mean_resid_mid"]


def test_rates_carry_their_bounds(split: Split) -> None:
    for row in evidence_of(random_network(SMALL_PROBLEM), split).tables["ablations"]:
        count, n = int(str(row["flips"])), int(str(row["n"]))
        assert row["upper"] == clopper_pearson_upper(count, n, SIDE_CONFIDENCE)


def test_opposite_answer_vectors_add_up_to_nothing(split: Split) -> None:
    model = random_network(SMALL_PROBLEM)
    assert evidence_of(model, split).facts["unembedding.norm_of_s_plus_u"].value > 0.1
    with torch.no_grad():
        model.W_U[:, VOCABULARY.unsatisfiable] = -model.W_U[:, VOCABULARY.satisfiable]
    assert evidence_of(model, split).facts["unembedding.norm_of_s_plus_u"].value == 0


def test_logit_differences_of_the_two_parts_add_up(split: Split) -> None:
    facts = evidence_of(random_network(SMALL_PROBLEM), split).facts
    pre, attn, mid = (
        facts[f"logit_difference.{part}.mean"].value
        for part in ("resid_pre", "attn_out", "resid_mid")
    )
    assert mid == pytest.approx(pre + attn, abs=1e-5)


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
    assert len({(row["head"], row["first"], row["second"]) for row in rows}) == 2 * 6**2
    assert (rows[1]["first"], rows[1]["second"]) == ("x0", "x1")
