"""Everything that is fitted to one network before its axioms are measured.

Cut 1 is fitted on all numbers, as in the paper; cut 2 on the inputs the network was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.errors import MechvalError
from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.claim.translations import (
    Affine,
    EmbeddingTranslation,
    SumTranslation,
    fit_embedding_writer,
    fit_sum_translation,
    read_by_inversion,
    read_by_regression,
)
from mechval.modular_addition.network.components import Activations
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Transformer

HALF_TOKENS = "half_tokens"
"""α_1 by regression on half of the numbers, to be judged on the others."""


@dataclass(frozen=True)
class Translations:
    """Everything fitted to one network: α_1 by each reading, γ_1, α_2, γ_2.

    Attributes:
        frequencies: the key frequencies, in the order of the states' frequency axis.
        readers: α_1 of one number, by how it was had.
        constant_label: the network's most frequent label on the fitting inputs.
    """

    frequencies: Int[Tensor, " frequency"]
    readers: Mapping[str, Affine]
    writer: Affine
    equals: Float[Tensor, " d_model"]
    sums: SumTranslation
    constant_label: int

    def embedding(self, reading: str, device: torch.device) -> EmbeddingTranslation:
        """α_1 and γ_1 of a reading."""
        return EmbeddingTranslation(
            self.readers[reading].to(device), self.writer.to(device), self.equals.to(device)
        )


def fit_translations(
    model: Transformer,
    problem: ModularAddition,
    frequencies: Int[Tensor, " frequency"],
    activations: Activations,
    train: Int[Tensor, " train"],
    *,
    half: Int[Tensor, " token"] | None = None,
) -> Translations:
    """Fit all translations: those of cut 1 on all numbers, those of cut 2 on the train inputs.

    Args:
        half: numbers on which a third α_1, named ``half_tokens``, is fitted by regression.

    Raises:
        MechvalError: if there are no key frequencies to translate to.
    """
    if len(frequencies) == 0:
        raise MechvalError(
            "key frequencies=[] are not allowed; allowed: at least one frequency that stands out "
            "of the embedding (a network that has not grokked may have none)."
        )
    embedding = model.W_E.detach().cpu()
    numbers, table = embedding[: problem.p], waves(problem.p, frequencies)
    everything = torch.arange(problem.p)
    readers = {
        "all_tokens": read_by_regression(numbers, table, everything),
        "pseudo_inverse": read_by_inversion(numbers, table, everything),
    }
    if half is not None:
        readers[HALF_TOKENS] = read_by_regression(numbers, table, half)
    sums = table[problem.answers(problem.pairs(train))]
    return Translations(
        frequencies=frequencies,
        readers=readers,
        writer=fit_embedding_writer(numbers, table),
        equals=embedding[problem.equals_token],
        sums=fit_sum_translation(activations.hidden[train], activations.resid_mid[train], sums),
        constant_label=int(activations.labels[train].mode().values),
    )
