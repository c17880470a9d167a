"""The axioms on every one of the p² inputs, and on the pairs of numbers that an α_1 never saw.

All inputs are enumerated, so ε over them is exact: the rate itself. The bound that the paper
reports, from held-out inputs alone, stands beside it as a stratum; every estimate says which it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval import tables
from mechval.axioms import AxiomReport, Batch, Cell, Interpretation, evaluate_axioms
from mechval.axioms.report import CellName
from mechval.modular_addition.claim.translations import HALF_TOKENS, Translations
from mechval.modular_addition.configs import AxiomsConfig
from mechval.modular_addition.interpretation import make_interpretations
from mechval.modular_addition.network.components import BATCH, Components
from mechval.modular_addition.network.dataset import Split
from mechval.modular_addition.problem import ModularAddition
from mechval.progress import track
from mechval.transformer import Transformer

HELD_OUT = "held_out"


@dataclass(frozen=True)
class Headlines:
    """Exact ε of the main interpretation's distinct cells, by the name of the cell.

    Without key frequencies there is none.
    """

    interpretation: str | None
    epsilon: Mapping[str, float] = tables.rate()


@dataclass(frozen=True, kw_only=True)
class FailingPair(CellName):
    """A pair on which a cell disagrees, of so many disagreements among all n pairs."""

    disagreements: int = tables.count()
    n: int = tables.told("N")
    a: int
    b: int
    sum: int = tables.told("a + b")
    network_answer: int = tables.told("network")


FAILING = tables.Table("certify/counterexamples.csv", FailingPair)
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
        if not self.on_all:
            return Headlines(None, {})
        main = self.on_all[0]
        distinct = [cell for cell in main.cells if cell.is_distinct]
        return Headlines(main.interpretation, {cell.name: cell.rate for cell in distinct})


def validate(
    model: Transformer,
    problem: ModularAddition,
    translations: Sequence[Translations],
    config: AxiomsConfig,
    split: Split,
    half: Int[Tensor, " token"],
) -> Validation:
    """Run the axiom suite for every interpretation that ``config`` asks for, program by program.

    ``half`` are the numbers that the α_1 of ``half_tokens`` of the first program was fitted on.
    Nothing is measured if there is no program.
    """
    if not translations:
        return Validation([], [])
    components, first = Components(model), translations[0]
    everywhere = [
        interpretation
        for fitted in translations
        for interpretation in make_interpretations(
            components, problem, fitted, config, config.readings
        )
    ]
    others = make_interpretations(components, problem, first, config, (HALF_TOKENS,))
    unseen = (~torch.isin(problem.all_pairs(), half).any(dim=1)).nonzero().flatten()
    everything = {"train": split.train, HELD_OUT: split.test}
    judged_by = (config.confidence, first.constant_label)
    return Validation(
        evaluate_on(everything, everywhere, problem, *judged_by),
        evaluate_on({"unseen": unseen}, others, problem, *judged_by),
    )


def evaluate_on(
    strata: Mapping[str, Int[Tensor, " pair"]],
    interpretations: Sequence[Interpretation],
    problem: ModularAddition,
    confidence: float,
    constant_label: int,
) -> list[AxiomReport]:
    """Run the suite on the inputs of all strata (indices, by name), in the order of their index.

    ``constant_label`` is the network's most frequent label on the fitting inputs.
    """
    numbered = enumerate(strata.values())
    inputs = torch.cat([torch.stack([part, 0 * part + i]) for i, part in numbered], dim=1)
    batches = [
        Batch(problem.tokens(problem.pairs(indices)), stratum)
        for indices, stratum in inputs[:, inputs[0].argsort()].split(BATCH, dim=1)
    ]
    return evaluate_axioms(
        interpretations,
        track(batches, "axioms"),
        strata_names=tuple(strata),
        mixtures={},
        confidence=confidence,
        constant_label=constant_label,
    )


@torch.inference_mode()
def find_failing_pairs(
    cells: Sequence[Cell],
    disagreements: Mapping[str, Bool[Tensor, " pair"]],
    model: Transformer,
    problem: ModularAddition,
    limit: int,
) -> Iterator[FailingPair]:
    """The first pairs, by a, then b, on which each distinct cell disagrees.

    ``disagreements`` say on which, by the cell's name; a cell gives at most ``limit`` pairs. A pair
    has no parts that could be left out, so there is nothing to shrink.
    """
    components, pairs = Components(model), problem.all_pairs()
    for cell in cells:
        disagrees = disagreements[cell.name]
        for pair in pairs[disagrees][: limit if cell.is_distinct else 0]:
            state = components.hidden(components.embed(problem.tokens(pair[None])))
            yield FailingPair(
                interpretation=cell.interpretation,
                tags=cell.tags,
                axiom=cell.axiom,
                component=cell.component,
                disagreements=int(disagrees.sum()),
                n=len(pairs),
                a=int(pair[0]),
                b=int(pair[1]),
                sum=int(problem.answers(pair[None])),
                network_answer=int(components.output(state)),
            )


def _exact(cell: Cell, bounded: Sequence[str]) -> Cell:
    """The cell over all inputs that it was counted on, with the strata that bound other draws."""
    return replace(
        cell.over_whole_domain(),
        epsilon_simultaneous=cell.rate,
        confidence=cell.confidence if bounded else None,
        strata={name: cell.strata[name] for name in bounded},
    )
