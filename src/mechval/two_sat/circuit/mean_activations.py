"""Means over the fitting split: those that γ puts in, and each neuron's per assignment."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import FormulaLayout
from mechval.two_sat.network.components import Components


@dataclass(frozen=True)
class Activations:
    """Statistics and per-formula values over one split. ``mean_resid_post``: mean residual stream
    after block 0, per position. ``mean_resid_mid``: mean residual stream after block 1's attention,
    at the answer position. ``mean_attn_out``: mean output of block 1's attention there. ``hidden``:
    block 1's post-ReLU activations there, per formula. ``labels``: the network's label per formula.
    ``own_clause_attention``: block 0's attention from each second literal to the two literals of
    its own clause, averaged over formulas and summed over the two, per head."""

    mean_resid_post: Float[Tensor, "pos d_model"]
    mean_resid_mid: Float[Tensor, " d_model"]
    mean_attn_out: Float[Tensor, " d_model"]
    hidden: Float[Tensor, "formula d_mlp"]
    labels: Int[Tensor, " formula"]
    own_clause_attention: Float[Tensor, "head_index clause_position"]


@torch.inference_mode()
def record_activations(components: Components, split: Split) -> Activations:
    """Run the network over ``split`` and keep what the interpretation is fitted on. Sums are
    accumulated in float64, so that the means do not depend on the order of formulas."""
    sums: dict[str, Tensor] = {}
    hidden, labels = [], []
    for tokens, _ in components.batches(split, "activations"):
        resid = components.parse(tokens)
        attn_out = components.answer_attention(resid)
        state = components.evaluate(resid, attn_out)
        for name, value in (
            ("resid_post", resid),
            ("resid_mid", state.resid_mid),
            ("attn_out", attn_out),
            ("own_clause", _own_clause_attention(components, tokens)),
        ):
            sums[name] = sums.get(name, 0) + value.sum(dim=0, dtype=torch.float64)
        hidden.append(state.hidden.cpu())
        labels.append(components.output(state).cpu())
    means = {name: (total / len(split)).float().cpu() for name, total in sums.items()}
    return Activations(
        mean_resid_post=means["resid_post"],
        mean_resid_mid=means["resid_mid"],
        mean_attn_out=means["attn_out"],
        hidden=torch.cat(hidden),
        labels=torch.cat(labels),
        own_clause_attention=means["own_clause"],
    )


def mean_activation_by_assignment(
    hidden: Float[Tensor, "formula neuron"], truth_tables: Bool[Tensor, "formula assignment"]
) -> Float[Tensor, "neuron assignment"]:
    """Mean activation of each neuron over the formulas that each assignment satisfies."""
    weights = truth_tables.double()
    totals = hidden.double().T @ weights
    return (totals / weights.sum(dim=0).clamp(min=1)).float()


def _own_clause_attention(
    components: Components, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch head_index clause_position"]:
    layout: FormulaLayout = components.layout
    second = torch.tensor(layout.second_literal_positions, device=tokens.device)
    pattern = components.model.block(0).attn.pattern(components.model.embed(tokens), second)
    clause = torch.arange(len(second), device=tokens.device)
    return pattern[:, :, clause, second] + pattern[:, :, clause, second - 1]
