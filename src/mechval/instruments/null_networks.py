"""Null networks: measured by the procedure and budget that the network of a run is measured by.

A study says how a network is made and measured (`NullStudy`); what is measured of its null networks
is kept beside what it depends on, so that runs of one shape share them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from mechval import tables
from mechval.axioms.nulls import (
    LEVEL,
    NULL_CELLS,
    NULLS,
    NullCell,
    compare_with_nulls,
    of_network,
    refuse_few,
)
from mechval.axioms.report import Cell, Estimate
from mechval.config import Config
from mechval.errors import MechvalError
from mechval.pipeline.manifest import text_digest
from mechval.progress import track
from mechval.reporting.null_rates import NullConditions, ship
from mechval.training.recipe import Recipe

Network = TypeVar("Network")
UNTRAINED, SHUFFLED, MUTANTS = "untrained", "shuffled labels", "mutants of the program"
N_NETWORKS, FIRST_SEED = 20, 1000
SHARED = "nulls"

Measured: TypeAlias = tuple[list[NullCell], str]
"""Cells of a network, and why others are missing."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What the procedure gets on every network.

    Attributes:
        study: whose networks they are.
        networks: folder of the null networks' cells, named after all that they depend on.
        main: the interpretation that mutants are made of and tables are about.
        fit: samples that α, γ and the program are fitted on.
        test: samples that the axioms are measured on; ``partial`` of them the partial cells.
        shuffled: samples with permuted labels, trained on for so many ``steps``.
    """

    study: str = tables.told()
    networks: str = tables.told()
    main: str = tables.told()
    fit: int = tables.told()
    test: int = tables.told()
    partial: int = tables.told()
    shuffled: int = tables.told()
    steps: int = tables.told()


BUDGETS = tables.Record("instruments/null.json", Budget)


@runtime_checkable
class NullStudy(Protocol[Network]):
    """How networks of a run's shape are made and measured."""

    @property
    def settings(self) -> Mapping[str, Config]:
        """What null networks share with the run, by block."""
        ...

    @property
    def budget(self) -> Budget: ...

    @property
    def model(self) -> Network:
        """The network of the run."""
        ...

    def untrained(self, seed: int) -> Network: ...

    def train_shuffled(self, model: Network, seed: int, scratch: Path) -> None: ...

    def measure(self, model: Network) -> Measured:
        """Fit every claim on a network and count its cells."""
        ...

    def mutants(self) -> Iterator[list[NullCell]]:
        """The cells of each mutant of the run's program that the mutation bears on."""
        ...


def measure_nulls(study: NullStudy[Network], folder: Path) -> None:
    """Measure the null networks that are not measured yet, each kept as soon as it is there, and
    write what the run's own network comes to beside them in its folder.

    Raises MechvalError if the procedure finds no claim about the run's own network.
    """
    refuse_few(N_NETWORKS, LEVEL)
    own, refusal = study.measure(study.model)
    if not own:
        raise MechvalError(f"the run has no claim to compare ({refusal}); allowed: one with.")
    shared = folder.parent / SHARED / study.budget.networks
    cells = list(_known(shared))
    known = {cell.network for cell in cells}
    seeds = range(FIRST_SEED, FIRST_SEED + N_NETWORKS)
    for family, seed in track(
        product((UNTRAINED, SHUFFLED), seeds), "null networks", 2 * N_NETWORKS
    ):
        name = f"{family}, seed {seed}"
        if name in known:
            continue
        model = study.untrained(seed)
        if family == SHUFFLED:
            with TemporaryDirectory() as scratch:
                study.train_shuffled(model, seed, Path(scratch))
        found, refusal = study.measure(model)
        cells += of_network(family, name, found, own, refusal)
        NULL_CELLS.write(cells, shared)
    made = (
        cell
        for number, found in enumerate(study.mutants())
        for cell in of_network(MUTANTS, f"mutant {number}", found, found, "")
    )
    # As they are kept, so that it does not matter when they were measured.
    NULLS.write(compare_with_nulls(own, [*_known(shared), *made]), folder)
    BUDGETS.write(study.budget, folder)


def ship_nulls(study: NullStudy[Any], measured: Path, package: Path) -> None:
    """Write the rates of null networks that are measured where a study's report finds them."""
    budget = study.budget
    settings = {
        name: each.model_dump(mode="json", exclude_none=True)
        for name, each in study.settings.items()
    }
    conditions = NullConditions(settings=settings, fit=budget.fit, test=budget.test)
    ship(NULL_CELLS.read(measured / SHARED / budget.networks), conditions, package)


def null_cell(row: Estimate, interpretation: str, component: str, cell: str) -> NullCell:
    """Any estimate as a cell of a network."""
    return NullCell(
        **{field.name: getattr(row, field.name) for field in fields(Estimate)},
        family="",
        network="",
        interpretation=interpretation,
        component=component,
        cell=cell,
        refusal="",
    )


def axiom_cells(cells: Iterable[Cell]) -> list[NullCell]:
    """The distinct cells of axiom tables."""
    return [
        null_cell(cell, cell.interpretation, cell.component, str(cell.axiom))
        for cell in cells
        if cell.is_distinct
    ]


def networks_name(study: str, settings: Iterable[Config], sizes: Iterable[object]) -> str:
    """Names null networks by what they depend on: what was no setting until now does not count."""
    values = [each.model_dump(mode="json") for each in settings]
    return f"{study}-{text_digest(repr((values, [*sizes])))[:8]}"


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The same recipe for fewer steps."""
    changed = {"examples": steps * recipe.batch_size, "evaluate_every_steps": steps}
    return Recipe(**{**recipe.model_dump(), **changed})


def _known(shared: Path) -> tuple[NullCell, ...]:
    is_there = NULL_CELLS.path(shared).is_file()
    return NULL_CELLS.read(shared) if is_there else ()
