"""What block 1's MLP and the skip around it are needed for.

A label is the argmax over all tokens; it flips if the ablated network's differs from the network's.
Deviation D1.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import clopper_pearson_lower, clopper_pearson_upper
from mechval.transformer import Transformer
from mechval.two_sat.circuit.evidence.recording import AnswerRecord
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem

SIDE_CONFIDENCE = 0.975
"""Of each of the two bounds, so that both hold together at 95 %."""

DESCRIPTIONS = {
    "mlp_is_identity": "MLP replaced by the identity",
    "no_skip": "skip around the MLP dropped",
    "skip_is_mean_attn_out": "skip replaced by mean attention output (as in the paper, D1)",
    "skip_is_mean_resid_mid": "skip replaced by mean residual stream",
    "no_attn_out_in_skip": "attention output dropped from the skip",
    "mean_attn_out_in_skip": "attention output in the skip replaced by its mean",
}


@dataclass(frozen=True)
class AblationRow:
    """Labels that flip when a part of block 1 is replaced, with a two-sided 95 % interval."""

    ablation: str = tables.told()
    description: str = tables.told("what is changed")
    flips: int = tables.count()
    n: int = tables.told("N")
    rate: float = tables.rate(unit="%")
    lower: float = tables.rate("at least", unit="%")
    upper: float = tables.rate("at most", unit="%")


@dataclass(frozen=True)
class LogitDifferenceRow:
    """Direct effect of a part of the residual stream at ``:`` on logit s minus logit u."""

    part: str = tables.told()
    smallest: float = tables.number(unit="logits")
    mean: float = tables.number(unit="logits")
    largest: float = tables.number(unit="logits")
    n: int = tables.told("N")


ABLATIONS = tables.Table("circuit/evidence/ablations.csv", AblationRow)
LOGIT_DIFFERENCES = tables.Table("circuit/evidence/logit_differences.csv", LogitDifferenceRow)


@torch.inference_mode()
def ablation_rows(model: Transformer, circuit: Circuit, record: AnswerRecord) -> list[AblationRow]:
    """Label flips of every ablation, in the order of ``DESCRIPTIONS``."""
    mlp_out = model.block(1).mlp.project(record.hidden.to(model.W_U.device)).cpu()
    answers = _answers(model, record.resid_mid + mlp_out)
    streams = (
        # With the MLP as identity the skip counts twice, which leaves the argmax as it is.
        record.resid_mid,
        mlp_out,
        circuit.mean_attn_out + mlp_out,
        circuit.mean_resid_mid + mlp_out,
        record.resid_pre + mlp_out,
        record.resid_pre + circuit.mean_attn_out + mlp_out,
    )
    rows, n = [], len(answers)
    for (name, description), stream in zip(DESCRIPTIONS.items(), streams, strict=True):
        flips = int((_answers(model, stream) != answers).sum())
        lower = clopper_pearson_lower(flips, n, SIDE_CONFIDENCE)
        upper = clopper_pearson_upper(flips, n, SIDE_CONFIDENCE)
        rows.append(AblationRow(name, description, flips, n, flips / n, lower, upper))
    return rows


@torch.inference_mode()
def logit_difference_rows(
    model: Transformer, problem: Problem, record: AnswerRecord
) -> list[LogitDifferenceRow]:
    """What the residual stream holds at ``:`` before, from and after block 1's attention."""
    satisfiable, unsatisfiable = _answer_vectors(model, problem).T
    parts = {
        "resid_pre": record.resid_pre,
        "attn_out": record.attn_out,
        "resid_mid": record.resid_mid,
    }
    rows = []
    for name, part in parts.items():
        values = (part @ (satisfiable - unsatisfiable)).double()
        least, mean, most = (float(value) for value in (values.min(), values.mean(), values.max()))
        rows.append(LogitDifferenceRow(name, least, mean, most, len(values)))
    return rows


def norm_of_answer_sum(model: Transformer, problem: Problem) -> float:
    """Norm of the sum of the unembedding vectors of s and u: 0 where they are opposite."""
    return float(_answer_vectors(model, problem).double().sum(dim=1).norm())


def _answer_vectors(model: Transformer, problem: Problem) -> Float[Tensor, "d_model 2"]:
    vocabulary = Vocabulary(problem)
    return model.W_U.detach().cpu()[:, [vocabulary.satisfiable, vocabulary.unsatisfiable]]


def _answers(
    model: Transformer, resid_post: Float[Tensor, "formula d_model"]
) -> Int[Tensor, " formula"]:
    return (resid_post @ model.W_U.cpu()).argmax(dim=-1)
