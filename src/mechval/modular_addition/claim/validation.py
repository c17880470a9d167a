"""The axioms on every one of the p² inputs, and on the pairs of numbers that an α_1 never saw.

All inputs are enumerated, so ε over them is exact: the rate itself. The bound that the paper
reports, from held-out inputs alone, stands beside it; every row says which it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from mechval.axioms import (
    AxiomReport,
    Batch,
    EvidenceKind,
    Interpretation,
    cell_rows,
    evaluate_axioms,
)
from mechval.modular_addition.claim.fitting import HALF_TOKENS, Translations
from mechval.modular_addition.configs import AxiomsConfig
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import BATCH, Components
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track
from mechval.reporting.tables import Row
from mechval.transformer import Transformer

ALL, HELD_OUT, UNSEEN = "all inputs", "held-out inputs", "pairs of unseen numbers"
TRAIN_STRATUM, HELD_OUT_STRATUM = STRATA = ("train", "held_out")


@dataclass(frozen=True, eq=False)
class Validation:
    """Reports over all inputs, and over the pairs of numbers that ``half_tokens`` never saw."""

    on_all: list[AxiomReport]
    on_unseen: list[AxiomReport]


def validate(
    model: Transformer,
    problem: ModularAddition,
    translations: Translations,
    config: AxiomsConfig,
    *,
    train: Int[Tensor, " train"],
    half: Int[Tensor, " token"],
    device: torch.device,
) -> Validation:
    """Run the axiom suite for every interpretation that ``config`` asks for.

    Args:
        train: indices of the inputs the network was trained on; the others are held out.
        half: the numbers that the α_1 of ``half_tokens`` was fitted on.
    """
    components = Components(model.to(device))

    def interpretations(readings: Sequence[str]) -> list[Interpretation]:
        return make_interpretations(
            components, problem, translations, config, readings=readings, device=device
        )

    unseen = _pairs_without(problem, half)
    return Validation(
        on_all=evaluate_everywhere(
            interpretations(config.readings),
            problem,
            train,
            confidence=config.confidence,
            constant_label=translations.constant_label,
            device=device,
        ),
        on_unseen=evaluate_axioms(
            interpretations([HALF_TOKENS]),
            _batches(problem, unseen, torch.zeros_like(unseen), device),
            strata_names=("unseen",),
            mixtures={},
            confidence=config.confidence,
            constant_label=translations.constant_label,
        ),
    )


def evaluate_everywhere(
    interpretations: Sequence[Interpretation],
    problem: ModularAddition,
    train: Int[Tensor, " train"],
    *,
    confidence: float,
    constant_label: int,
    device: torch.device,
) -> list[AxiomReport]:
    """Run the suite on all p² inputs, with the train and the held-out ones as strata."""
    everything = torch.arange(problem.n_pairs)
    is_held_out = torch.ones_like(everything)
    is_held_out[train] = 0
    return evaluate_axioms(
        interpretations,
        _batches(problem, everything, is_held_out, device),
        strata_names=STRATA,
        mixtures={},
        confidence=confidence,
        constant_label=constant_label,
    )


def validation_rows(validation: Validation, translations: Translations) -> list[Row]:
    """All cells of all interpretations: exact over all inputs, bounded on the held-out ones."""
    rows: list[Row] = []
    for report in validation.on_all:
        rows += _rows(report, ALL, None, translations)
        rows += _rows(report, HELD_OUT, HELD_OUT_STRATUM, translations)
    for report in validation.on_unseen:
        rows += _rows(report, UNSEEN, None, translations)
    return rows


def _rows(
    report: AxiomReport, inputs: str, stratum: str | None, translations: Translations
) -> list[Row]:
    """Cells over all that a report was made on (exact), or bounded from one stratum (sampled)."""
    reader = translations.readers[report.interpretation.split("/")[0]]
    is_vacuous = reader.is_vacuous and inputs != UNSEEN
    rows: list[Row] = []
    for cell, values in zip(report.cells, cell_rows(report), strict=True):
        is_whole = stratum is None
        estimate = cell.over_whole_domain() if is_whole else cell.strata[stratum]
        rows.append(
            {
                "interpretation": report.interpretation,
                "axiom": values["axiom"],
                "axiom_name": values["axiom_name"],
                "component": cell.component,
                "is_distinct": values["is_distinct"],
                "repeats": values["repeats"],
                "equivalence": cell.equivalence,
                "alpha_1": f"vacuous ({reader.sizes})" if is_vacuous else reader.sizes,
                "inputs": inputs,
                "kind": estimate.kind.value,
                "n": estimate.n,
                "disagreements": estimate.disagreements,
                "rate": estimate.rate,
                "epsilon": estimate.epsilon,
                "confidence": None if estimate.kind is EvidenceKind.EXACT else report.confidence,
                # These two speak of all inputs the report was made on.
                "mean_part_error": cell.mean_part_error if is_whole else None,
                "verdict": values["verdict"] if is_whole else None,
            }
        )
    return rows


def _pairs_without(
    problem: ModularAddition, numbers: Int[Tensor, " token"]
) -> Int[Tensor, " pair"]:
    pairs = problem.all_pairs()
    return (~torch.isin(pairs, numbers).any(dim=1)).nonzero().flatten()


def _batches(
    problem: ModularAddition,
    indices: Int[Tensor, " pair"],
    strata: Int[Tensor, " pair"],
    device: torch.device,
) -> Iterator[Batch]:
    parts = list(zip(indices.split(BATCH), strata.split(BATCH), strict=True))
    for chosen, stratum in track(parts, "axioms"):
        yield Batch(problem.tokens(problem.pairs(chosen)).to(device), stratum)
