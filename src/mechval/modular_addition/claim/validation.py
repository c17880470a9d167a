"""The axioms on every one of the p² inputs, and on the pairs of numbers that an α_1 never saw.

All inputs are enumerated, so ε over them is exact: the rate itself. The bound that the paper
reports, from held-out inputs alone, stands beside it as a stratum; every estimate says which it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from mechval import tables
from mechval.axioms import AxiomReport, Batch, Cell, Interpretation, evaluate_axioms
from mechval.modular_addition.claim.translations import HALF_TOKENS, Translations
from mechval.modular_addition.configs import AxiomsConfig
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import BATCH, Components
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track
from mechval.transformer import Transformer

HELD_OUT = "held_out"
STRATA = ("train", HELD_OUT)


@dataclass(frozen=True)
class Headlines:
    """Exact ε of the main interpretation's distinct cells, by the name of the cell."""

    interpretation: str
    epsilon: Mapping[str, float] = tables.rate()


HEADLINES = tables.Record("axioms/metrics.json", Headlines)


@dataclass(frozen=True, eq=False)
class Validation:
    """Reports over all inputs, and over the pairs of numbers that ``half_tokens`` never saw."""

    on_all: list[AxiomReport]
    on_unseen: list[AxiomReport]

    @property
    def cells(self) -> list[Cell]:
        """Every cell, exact; on all inputs also bounded from the held-out ones."""
        return [
            *(_exact(cell, (HELD_OUT,)) for report in self.on_all for cell in report.cells),
            *(_exact(cell, ()) for report in self.on_unseen for cell in report.cells),
        ]

    @property
    def headlines(self) -> Headlines:
        """The main interpretation, the first of the config, in short."""
        main = self.on_all[0]
        distinct = [cell for cell in main.cells if cell.is_distinct]
        return Headlines(main.interpretation, {cell.name: cell.rate for cell in distinct})


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
    components, fitted = Components(model.to(device)), translations.to(device)
    main, others = (
        make_interpretations(components, problem, fitted, config, readings)
        for readings in (config.readings, (HALF_TOKENS,))
    )
    constant_label = translations.constant_label
    unseen = (~torch.isin(problem.all_pairs(), half).any(dim=1)).nonzero().flatten()
    return Validation(
        on_all=evaluate_everywhere(main, problem, train, config.confidence, constant_label, device),
        on_unseen=evaluate_axioms(
            others,
            track(batches(problem, unseen, torch.zeros_like(unseen), device), "axioms"),
            strata_names=("unseen",),
            mixtures={},
            confidence=config.confidence,
            constant_label=constant_label,
        ),
    )


def evaluate_everywhere(
    interpretations: Sequence[Interpretation],
    problem: ModularAddition,
    train: Int[Tensor, " train"],
    confidence: float,
    constant_label: int,
    device: torch.device,
) -> list[AxiomReport]:
    """Run the suite on all p² inputs, with the train and the held-out ones as strata."""
    everything = torch.arange(problem.n_pairs)
    is_held_out = (~torch.isin(everything, train)).long()
    return evaluate_axioms(
        interpretations,
        track(batches(problem, everything, is_held_out, device), "axioms"),
        strata_names=STRATA,
        mixtures={},
        confidence=confidence,
        constant_label=constant_label,
    )


def batches(
    problem: ModularAddition,
    indices: Int[Tensor, " pair"],
    strata: Int[Tensor, " pair"],
    device: torch.device,
) -> list[Batch]:
    """These inputs, each in its stratum, as the suite takes them."""
    return [
        Batch(problem.tokens(problem.pairs(chosen)).to(device), stratum)
        for chosen, stratum in zip(indices.split(BATCH), strata.split(BATCH), strict=True)
    ]


def _exact(cell: Cell, bounded: Sequence[str]) -> Cell:
    """The cell over all inputs that it was counted on, with the strata that bound other draws."""
    return replace(
        cell.over_whole_domain(),
        epsilon_simultaneous=cell.rate,
        confidence=cell.confidence if bounded else None,
        strata={name: cell.strata[name] for name in bounded},
    )
