"""What block 1's MLP and the skip around it are needed for.

A label is the argmax over all tokens; it flips if the ablated network's differs from the network's.

Source: PAPER.md section 2, circuit evidence, and deviation D1.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.axioms import clopper_pearson_lower, clopper_pearson_upper
from mechval.reporting.tables import Row
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.record import Evidence, Fact
from mechval.two_sat.circuit.evidence.recording import AnswerRecord
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem

SIDE_CONFIDENCE = 0.975
"""Of each of the two bounds, so that both hold together at 95 %."""

ABLATIONS = {
    "mlp_is_identity": "MLP replaced by the identity",
    "no_skip": "skip around the MLP dropped",
    "skip_is_mean_attn_out": "skip replaced by mean attention output (published, D1)",
    "skip_is_mean_resid_mid": "skip replaced by mean residual stream (corrected)",
    "no_attn_out_in_skip": "attention output dropped from the skip",
    "mean_attn_out_in_skip": "attention output in the skip replaced by its mean",
}


@torch.inference_mode()
def ablation_evidence(
    model: Transformer, problem: Problem, circuit: Circuit, record: AnswerRecord
) -> Evidence:
    """Label flips of every ablation, and the s-u logit differences of the residual stream."""
    model_out = model.block(1).mlp.project(record.hidden.to(model.W_U.device)).cpu()
    answers = _answers(model, record.resid_mid + model_out)
    n = len(answers)
    flips = {
        name: int((_answers(model, resid) != answers).sum())
        for name, resid in _ablated(record, circuit, model_out).items()
    }
    rows = logit_difference_rows(model, problem, record)
    facts = {f"ablation.{name}": Fact.rate(count, n) for name, count in flips.items()}
    for row in rows:
        for part in ("smallest", "largest", "mean"):
            facts[f"logit_difference.{row['part']}.{part}"] = Fact(float(str(row[part])), n)
    facts["unembedding.norm_of_s_plus_u"] = Fact(_norm_of_sum(model, problem))
    return Evidence(
        {
            "ablations": [_flip_row(name, count, n) for name, count in flips.items()],
            "logit_differences": rows,
        },
        facts,
    )


@torch.inference_mode()
def logit_difference_rows(model: Transformer, problem: Problem, record: AnswerRecord) -> list[Row]:
    """Direct effect on the s-u logit difference of what the residual stream holds at ``:``."""
    vocabulary = Vocabulary(problem)
    unembedding = model.W_U.cpu()
    direction = unembedding[:, vocabulary.satisfiable] - unembedding[:, vocabulary.unsatisfiable]
    parts = {
        "resid_pre": record.resid_pre,
        "attn_out": record.attn_out,
        "resid_mid": record.resid_mid,
    }
    rows: list[Row] = []
    for name, part in parts.items():
        values = (part @ direction).double()
        rows.append(
            {
                "part": name,
                "smallest": float(values.min()),
                "mean": float(values.mean()),
                "largest": float(values.max()),
                "n": len(values),
            }
        )
    return rows


def _ablated(
    record: AnswerRecord, circuit: Circuit, mlp_out: Float[Tensor, "formula d_model"]
) -> dict[str, Float[Tensor, "formula d_model"]]:
    """The residual stream after block 1 of every ablation, by the names of ``ABLATIONS``."""
    streams = (
        # With the MLP as identity the skip counts twice, which leaves the argmax as it is.
        record.resid_mid,
        mlp_out,
        circuit.mean_attn_out + mlp_out,
        circuit.mean_resid_mid + mlp_out,
        record.resid_pre + mlp_out,
        record.resid_pre + circuit.mean_attn_out + mlp_out,
    )
    return dict(zip(ABLATIONS, streams, strict=True))


def _answers(
    model: Transformer, resid_post: Float[Tensor, "formula d_model"]
) -> Int[Tensor, " formula"]:
    return (resid_post @ model.W_U.cpu()).argmax(dim=-1)


def _flip_row(name: str, count: int, n: int) -> Row:
    return {
        "ablation": name,
        "description": ABLATIONS[name],
        "flips": count,
        "n": n,
        "rate": count / n,
        "lower": clopper_pearson_lower(count, n, SIDE_CONFIDENCE),
        "upper": clopper_pearson_upper(count, n, SIDE_CONFIDENCE),
    }


def _norm_of_sum(model: Transformer, problem: Problem) -> float:
    vocabulary = Vocabulary(problem)
    both = model.W_U[:, [vocabulary.satisfiable, vocabulary.unsatisfiable]]
    return float(both.double().sum(dim=1).norm())
