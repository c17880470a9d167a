"""How small an ε the same procedure reaches where there is nothing to find: null distributions.

α and γ are fitted, and a procedure with enough freedom fits anything (`mechval.axioms.lookup`). So
the procedure that made a claim is run, with the same budget, on *null networks*, about which the
claim is false: untrained ones, ones trained on shuffled labels, the claim's own network with
another program. The p-value of a cell is (1 + null networks that disagree no more often than the
claim's) / (1 + null networks): by rates, which order as ε does where both have as many samples. A
network for which the procedure makes no claim counts as ε = 1.

Source: the rank p-value of a Monte Carlo test (Phipson and Smyth, 2010).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

import numpy as np
import torch

from mechval import tables
from mechval.axioms import equations, states
from mechval.axioms.base import Batch, Interpretation, State
from mechval.axioms.report import Estimate
from mechval.axioms.statistics import CONFIDENCE
from mechval.axioms.suite import measure_axioms
from mechval.errors import MechvalError
from mechval.progress import track

LEVEL = 0.05
"""Of a test, where no other is asked for."""
LARGEST = "largest rate"
"""In place of a cell's name: the worst of all cells, one p-value for the whole claim."""

_Place: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class NullCell(Estimate):
    """One distinct cell of a claim fitted on one network.

    Attributes:
        family: kind of null network; empty for the claim's own.
        network: its name, empty for the claim's own.
        refusal: why the procedure made no claim: all samples then count as disagreements.
    """

    family: str = tables.told("null networks")
    network: str = tables.told()
    interpretation: str = tables.told()
    component: str = tables.told()
    cell: str = tables.told()
    refusal: str = tables.told("no claim")

    @property
    def place(self) -> _Place:
        """Which cell of which interpretation."""
        return self.interpretation, self.component, self.cell


@dataclass(frozen=True, kw_only=True)
class NullRow(Estimate):
    """One cell of a claim beside the same cell of one family of null networks.

    Attributes:
        networks: null networks.
        unfitted: those for which the procedure made no claim; they count as ε = 1.
        as_good: those that disagree no more often than the claim's network.
        least: ε of the best null network, then quartiles, then that of the worst.
        p: (1 + as_good) / (1 + networks).
    """

    interpretation: str = tables.told()
    component: str = tables.told()
    cell: str = tables.told()
    family: str = tables.told("null networks")
    networks: int = tables.told("networks")
    unfitted: int = tables.told("without a claim")
    as_good: int = tables.told("as good")
    least: float = tables.rate("least ε")
    lower_quartile: float = tables.rate("lower quartile")
    median: float = tables.rate("median ε")
    upper_quartile: float = tables.rate("upper quartile")
    largest: float = tables.rate("largest ε")
    p: float = tables.rate("p")


NULL_CELLS = tables.Table("axioms/null_networks.csv", NullCell)
NULLS = tables.Table("axioms/null.csv", NullRow)


def null_distribution(
    claim: Interpretation,
    makers: Mapping[str, Callable[[], Interpretation]],
    inputs: State,
    *,
    family: str = "null networks",
    level: float = LEVEL,
    confidence: float = CONFIDENCE,
) -> tuple[NullRow, ...]:
    """Hold every distinct cell of a claim against the same claim fitted on null networks.

    Args:
        makers: by the null network's name, what fits the claim on it, as the claim itself was
            fitted; a maker that raises MechvalError counts as ε = 1.
        inputs: samples for all of them, none of which a maker has seen.
        level: the p-value that has to be within reach.
        confidence: of every one-sided bound.

    Raises MechvalError for fewer networks than ``level`` needs, or as
    `mechval.axioms.measure_axioms`.
    """
    refuse_few(len(makers), level)
    own = count_cells([claim], inputs, confidence=confidence)
    nulls: list[NullCell] = []
    for name, make in track(makers.items(), "null networks", len(makers)):
        found, refusal = [], ""
        try:
            made = make()
        except MechvalError as error:
            refusal = str(error)
        else:
            counted = count_cells([made], inputs, confidence=confidence)
            found = [replace(cell, interpretation=claim.name) for cell in counted]
        nulls += of_network(family, name, found, own, refusal)
    return tuple(compare_with_nulls(own, nulls, level=level))


def count_cells(
    claims: Sequence[Interpretation], inputs: State, *, confidence: float, batch_size: int = 1024
) -> list[NullCell]:
    """Every distinct cell of claims about one network; raises as `measure_axioms`."""
    batches = (
        Batch(some, torch.zeros(states.n_samples(some), dtype=torch.long))
        for some in states.pieces(inputs, batch_size)
    )
    return [
        NullCell(
            **vars(Estimate.of(int((distance > tolerance).sum()), len(distance), confidence)),
            family="",
            network="",
            interpretation=claim.name,
            component=claim.components[key.component - 1],
            cell=str(key.axiom),
            refusal="",
        )
        for claim, measured in zip(claims, measure_axioms(claims, batches), strict=True)
        for key, distance in measured.distances.items()
        for tolerance in [equations.deciding_equivalence(claim, key).tolerance]
    ]


def of_network(
    family: str, network: str, found: Iterable[NullCell], own: Iterable[NullCell], refusal: str
) -> Iterator[NullCell]:
    """The cells of a null network, one for each of the claim's own; ``refusal`` is why some are
    not among those found."""
    by_place = {cell.place: cell for cell in found}
    for cell in own:
        worst = replace(cell, disagreements=cell.n, rate=1.0, epsilon=1.0, refusal=refusal)
        yield replace(by_place.get(cell.place, worst), family=family, network=network)


def compare_with_nulls(
    own: Iterable[NullCell], nulls: Iterable[NullCell], *, level: float = LEVEL
) -> Iterator[NullRow]:
    """The claim's cells beside each family's, and the largest ε of those that a family has.

    Raises MechvalError for a family of fewer networks than ``level`` needs.
    """
    families: dict[str, dict[_Place, dict[str, NullCell]]] = {}
    for cell in nulls:
        found = families.setdefault(cell.family, {}).setdefault(cell.place, {})
        found[cell.network] = cell
    own = list(own)
    for family, found in families.items():
        for claim in dict.fromkeys(cell.interpretation for cell in own):
            cells = [cell for cell in own if cell.interpretation == claim and cell.place in found]
            if not cells:
                continue
            for cell in cells:
                yield _row(cell, family, [*found[cell.place].values()], level)
            networks = zip(*(found[cell.place].values() for cell in cells), strict=True)
            worst, *largest = (max(each, key=_rate) for each in (cells, *networks))
            yield replace(_row(worst, family, largest, level), component="all", cell=LARGEST)


def p_value(rate: float, nulls: Sequence[float], level: float = LEVEL) -> float:
    """Of a rate, by those of null networks; raises MechvalError as `compare_with_nulls`."""
    refuse_few(len(nulls), level)
    return (1 + n_as_good(rate, nulls)) / (1 + len(nulls))


def n_as_good(rate: float, nulls: Iterable[float]) -> int:
    """How many rates are no larger, as tables keep them: a tie must not depend on which of two was
    read from one."""
    return sum(tables.rounded(null) <= tables.rounded(rate) for null in nulls)


def refuse_few(networks: int, level: float) -> None:
    """Raise a MechvalError if no p-value of so many null networks can be as small as ``level``."""
    if not 0 < level < 1:
        raise MechvalError(f"level={level} is not allowed; allowed: strictly between 0 and 1.")
    # Rounding must not ask for one more: 1 / 0.05 is 20.
    needed = math.ceil(round(1 / level, 9)) - 1
    if networks < needed:
        raise MechvalError(
            f"the null distribution has {networks} networks; allowed: at least {needed}, without "
            f"which no p-value can be {level:g}."
        )


def _rate(cell: NullCell) -> float:
    """As tables keep it."""
    return tables.rounded(cell.rate)


def _row(cell: NullCell, family: str, nulls: Sequence[NullCell], level: float) -> NullRow:
    refuse_few(len(nulls), level)
    epsilons = [null.epsilon for null in nulls]
    as_good = n_as_good(cell.rate, [null.rate for null in nulls])
    least, lower, median, upper, largest = np.quantile(epsilons, [0, 0.25, 0.5, 0.75, 1]).tolist()
    return NullRow(
        **{field.name: getattr(cell, field.name) for field in fields(Estimate)},
        interpretation=cell.interpretation,
        component=cell.component,
        cell=cell.cell,
        family=family,
        networks=len(nulls),
        unfitted=sum(bool(null.refusal) for null in nulls),
        as_good=as_good,
        least=least,
        lower_quartile=lower,
        median=median,
        upper_quartile=upper,
        largest=largest,
        p=(1 + as_good) / (1 + len(nulls)),
    )
