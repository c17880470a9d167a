"""Which clause a residual stream holds: the nearest prototype's (α_1)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def nearest_prototype(
    resid: Float[Tensor, "batch clause_position d_model"], prototypes: Float[Tensor, "pair d_model"]
) -> Int[Tensor, "batch clause_position"]:
    """The prototype with the highest cosine similarity to each residual."""
    directions = torch.nn.functional.normalize(prototypes, dim=-1)
    return (resid @ directions.T).argmax(dim=-1)
