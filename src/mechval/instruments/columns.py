"""The instruments: what each finds in an organism, in disagreements out of samples.

All are judged by one rule (`Reading.is_detected`). The unit of every instrument is an answer of
the network that is not what the claim says. Those that are trained (`mechval.instruments.das`,
`mechval.instruments.circuit_probing`) have a budget of steps, the others of samples alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Bool
from torch import Tensor

from mechval.axioms import (
    Axiom,
    CellKey,
    InterchangeCell,
    Interpretation,
    Map,
    Part,
    State,
    Trajectory,
    Variable,
    equations,
    guarding,
    interchange_variables,
    states,
    statistics,
)
from mechval.axioms.cuts import carried, claimed
from mechval.axioms.interchange import POOLED
from mechval.axioms.partial import PartialCell, replace_partially
from mechval.axioms.unmapped import Fill, Filler, differs
from mechval.errors import MechvalError
from mechval.instruments.circuit_probing import probe_circuits
from mechval.instruments.das import Search, search
from mechval.instruments.organism import Organism

DETECTED_ABOVE = 0.01
"""A fault is detected where the rate of disagreement is surely larger. A convention."""
_BATCH = 1024

INTERCHANGE_ACCURACY = "interchange accuracy (answer, all pairs)"
SCRUBBING = "causal scrubbing"
PARTITION, ABLATION = PROBING = ("circuit probing, partition", "circuit probing, ablation")
ABLATIONS = {
    "zero ablation": Fill.ZERO,
    "mean ablation": Fill.MEAN,
    "resample ablation": Fill.JOINT,
    "independent resample ablation": Fill.INDEPENDENT,
    "optimal constant ablation": Fill.CONSTANT,
}
SEARCHES = (Search.DAS, Search.BOUNDLESS)
_REPLACED = {cell: str(cell) for cell in PartialCell if cell is not PartialCell.REACHED}


@dataclass(frozen=True)
class Tally:
    """Disagreements among n samples, or among all there are (``is_exact``)."""

    disagreements: int
    n: int
    is_exact: bool

    @property
    def rate(self) -> float:
        return self.disagreements / self.n

    def plus(self, other: "Tally") -> "Tally":
        return Tally(
            self.disagreements + other.disagreements, self.n + other.n, is_exact=self.is_exact
        )


@dataclass(frozen=True)
class Reading:
    """What an instrument says: its cells, or why it has none."""

    cells: Sequence[Tally]
    refusal: str = ""

    @property
    def worst(self) -> Tally:
        return max(self.cells, key=lambda cell: (self.lower_of(cell), cell.rate))

    def lower_of(self, cell: Tally) -> float:
        """The least rate, surely: bounds of all cells hold together."""
        if cell.is_exact:
            return cell.rate
        confidence = statistics.simultaneous_confidence(statistics.CONFIDENCE, len(self.cells))
        return statistics.clopper_pearson_lower(cell.disagreements, cell.n, confidence)

    @property
    def is_detected(self) -> bool:
        """The rule of every column: some cell's rate is surely above the bar."""
        return any(self.lower_of(cell) > DETECTED_ABOVE for cell in self.cells)


def read_axioms(organism: Organism) -> dict[str, Reading]:
    """Axioms 1 to 4, each in its distinct cells; a cell that repeats another counts for both."""
    counts: Counter[CellKey] = Counter()
    for batch in states.pieces(organism.inputs, _BATCH):
        for sides in equations.examine_cells(organism.claim, batch):
            counts[sides.key] += int(sides.disagrees.sum())
    n = states.n_samples(organism.inputs)
    is_exact = organism.domain_size is not None
    of = equations.representative_cells(organism.claim)
    return {
        axiom.value: Reading(
            [Tally(counts[same], n, is_exact) for key, same in of.items() if key.axiom is axiom]
        )
        for axiom in Axiom
    }


def read_interchange(organism: Organism) -> dict[str, Reading]:
    """Both interchange cells, variable by variable, on informative pairs.

    A γ that writes more than a variable leaves the native cell, whose content is the network's.
    """
    try:
        return _interchanged(organism)
    except MechvalError as error:
        gamma = Reading([], str(error))
    try:
        native = _interchanged(replace(organism, claim=_separately_written(organism)))
    except MechvalError as error:
        return {cell.value: Reading([], str(error)) for cell in InterchangeCell}
    return {**native, InterchangeCell.GAMMA.value: gamma}


def _interchanged(organism: Organism) -> dict[str, Reading]:
    rows = interchange_variables(
        organism.claim,
        organism.interchanged,
        organism.inputs,
        domain_size=organism.domain_size,
    ).rows
    is_exact = organism.domain_size is not None
    return {
        cell.value: Reading(
            [
                Tally(row.disagreements, row.n, is_exact)
                for row in rows
                if row.cell is cell and row.variable != POOLED
            ]
        )
        for cell in InterchangeCell
    }


def _separately_written(organism: Organism) -> Interpretation:
    """The claim with γ made to write its variables' carriers and nothing else that varies."""
    claim, gammas = organism.claim, [*organism.claim.gammas]
    for cut in range(1, claim.n_components):
        carriers = [
            variable.carrier
            for variable in organism.variables
            if claim.components.index(variable.component) + 1 == cut
        ]
        gammas[cut] = partial(_write_carriers, claim.gammas[cut], carriers, [])
    return replace(claim, gammas=tuple(gammas))


def _write_carriers(
    gamma: Map, carriers: Sequence[Part], rest: list[State], abstract: State
) -> State:
    """What γ writes into the carriers, in a state that is always the same elsewhere."""
    written = gamma(abstract)
    rest.append(states.pick(written, [0]))
    state = states.pick(rest[0], [0] * states.n_samples(written))
    for carrier in carriers:
        state = carrier.write(state, carrier.read(written))
    return state


def read_replaced(organism: Organism) -> dict[str, Reading]:
    """The partial cells that put in whole states."""
    rows = replace_partially(
        organism.claim,
        organism.variables,
        organism.inputs,
        domains=organism.domains,
        domain_size=organism.domain_size,
    )
    found = {
        cell: [
            Tally(row.disagreements, row.n, row.epsilon == row.rate)
            for row in rows
            if row.cell is cell
        ]
        for cell in _REPLACED
    }
    return {
        _REPLACED[cell]: Reading(cells, "" if cells else "no domain is stated")
        for cell, cells in found.items()
    }


def read_interchange_accuracy(organism: Organism) -> dict[str, Reading]:
    """What the field reports: native interchange of each variable, the answer alone, all pairs."""
    return _by_pairs(organism, {INTERCHANGE_ACCURACY: _swap}, organism.interchanged)


def read_scrubbing(organism: Organism) -> dict[str, Reading]:
    """Every carrier from an input of its own with the same value of its variable, the rest from
    another input; one cut at a time (Chan et al., 2022)."""
    generator = torch.Generator().manual_seed(0)
    return _by_pairs(organism, {SCRUBBING: partial(_scrub, generator)}, organism.variables)


def read_ablations(organism: Organism) -> dict[str, Reading]:
    """The unmapped state replaced in five ways, the carriers left to the network itself."""
    generator = torch.Generator().manual_seed(0)
    fillers: dict[tuple[str, int], Filler] = {}

    def ablate(
        name: str,
        organism: Organism,
        cut: int,
        variables: Sequence[Variable],
        base: Trajectory,
        source: Trajectory,
    ) -> Iterator[Bool[Tensor, " pair"]]:
        carriers = [variable.carrier for variable in variables]
        own = Filler(organism.claim, cut, carriers, generator, is_native=True)
        filler = fillers.setdefault((name, cut), own)
        yield filler.disagrees(ABLATIONS[name], base, source)

    return _by_pairs(
        organism, {name: partial(ablate, name) for name in ABLATIONS}, organism.variables
    )


def read_searches(organism: Organism) -> dict[str, Reading]:
    """Both searches for the organism's variables, a cell each."""
    found = {}
    for kind in SEARCHES:
        try:
            rows = [*search(organism, kind)]
        except MechvalError as error:
            found[kind.value] = Reading([], str(error))
        else:
            cells = [Tally(row.disagreements, row.n, is_exact=False) for row in rows]
            found[kind.value] = Reading(cells)
    return found


def read_circuits(organism: Organism) -> dict[str, Reading]:
    """Partition and ablation of the units found, a cell for each variable."""
    try:
        rows = [*probe_circuits(organism)]
    except MechvalError as error:
        return dict.fromkeys(PROBING, Reading([], str(error)))
    return {
        PARTITION: Reading([Tally(row.misread, row.n_read, is_exact=False) for row in rows]),
        ABLATION: Reading([Tally(row.wrong, row.n, is_exact=False) for row in rows]),
    }


INSTRUMENTS: Mapping[str, Callable[[Organism], dict[str, Reading]]] = {
    "axioms": read_axioms,
    "interchange": read_interchange,
    "replaced": read_replaced,
    "interchange accuracy": read_interchange_accuracy,
    "scrubbing": read_scrubbing,
    "ablations": read_ablations,
    "searches": read_searches,
    "circuits": read_circuits,
}
COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    "axioms": tuple(axiom.value for axiom in Axiom),
    "interchange": tuple(cell.value for cell in InterchangeCell),
    "replaced": tuple(_REPLACED.values()),
    "interchange accuracy": (INTERCHANGE_ACCURACY,),
    "scrubbing": (SCRUBBING,),
    "ablations": tuple(ABLATIONS),
    "searches": tuple(kind.value for kind in SEARCHES),
    "circuits": PROBING,
}
COLUMNS = tuple(name for columns in COLUMNS_OF.values() for name in columns)


@guarding.tracking()
def _by_pairs(
    organism: Organism,
    judges: Mapping[str, Callable[..., Iterator[Bool[Tensor, " pair"]]]],
    variables: Sequence[Variable],
) -> dict[str, Reading]:
    """Count what judges yield, each a cell of its own at every cut; all pairs of a domain."""
    claim = organism.claim
    cells: dict[str, dict[tuple[int, int], Tally]] = {name: {} for name in judges}
    by_cut: dict[int, list[Variable]] = {}
    for variable in variables:
        by_cut.setdefault(claim.components.index(variable.component) + 1, []).append(variable)
    for bases, sources in _pairs(organism):
        base, source = (
            equations.make_trajectory(claim, equations.run_network(claim, some))
            for some in (states.pick(organism.inputs, rows) for rows in (bases, sources))
        )
        for name, judge in judges.items():
            for cut, own in by_cut.items():
                for number, disagrees in enumerate(judge(organism, cut, own, base, source)):
                    found = Tally(int(disagrees.sum()), len(disagrees), is_exact=False)
                    before = cells[name].get((cut, number), Tally(0, 0, is_exact=False))
                    cells[name][cut, number] = before.plus(found)
    return {name: Reading([*found.values()]) for name, found in cells.items()}


def _pairs(organism: Organism) -> Iterator[tuple[list[int], list[int]]]:
    """All ordered pairs of a domain, or the first half of the inputs with the second."""
    n = states.n_samples(organism.inputs)
    if organism.domain_size is not None:
        yield [pair // n for pair in range(n * n)], [pair % n for pair in range(n * n)]
        return
    for start in range(0, n // 2, _BATCH):
        rows = range(start, min(start + _BATCH, n // 2))
        yield [*rows], [n // 2 + row for row in rows]


def _swap(
    organism: Organism,
    cut: int,
    variables: Sequence[Variable],
    base: Trajectory,
    source: Trajectory,
) -> Iterator[Bool[Tensor, " pair"]]:
    claim, own = organism.claim, base.concrete[cut]
    for variable in variables:
        value = variable.value.read(source.prefix[cut])
        changed = variable.value.write(base.prefix[cut], value)
        expected = equations.run_components(claim.abstract[cut:], changed)[-1]
        content = variable.carrier.read(claimed(source.concrete[cut]))
        state = carried(variable.carrier.write(claimed(own), content), own, "interchange")
        yield differs(claim, claim.run_after(cut, state), expected)


def _scrub(
    generator: torch.Generator,
    organism: Organism,
    cut: int,
    variables: Sequence[Variable],
    base: Trajectory,
    source: Trajectory,
) -> Iterator[Bool[Tensor, " pair"]]:
    claim, own, other = organism.claim, base.concrete[cut], claimed(source.concrete[cut])
    state = other
    for variable in variables:
        rows = _agreeing(
            variable.value.read(base.prefix[cut]),
            variable.value.read(source.prefix[cut]),
            generator,
        )
        known = rows >= 0
        content = variable.carrier.read(claimed(own)).clone()
        content[known] = variable.carrier.read(other)[rows[known]]
        state = variable.carrier.write(state, content)
    answer = claim.run_after(cut, carried(state, own, "causal scrubbing"))
    yield differs(claim, base.concrete[-1], answer)


def _agreeing(wanted: Tensor, among: Tensor, generator: torch.Generator) -> Tensor:
    """For each value the number of another input with the same one, at random; -1 if none has."""
    order = torch.randperm(len(among), generator=generator)
    flat = [values.reshape(len(values), -1) for values in (wanted, among[order])]
    same = (flat[0][:, None] == flat[1][None]).all(dim=2)
    start = torch.randint(len(among), (len(wanted),), generator=generator)
    turned = (torch.arange(len(among)) + start[:, None]) % len(among)
    place = same.gather(1, turned).int().argmax(dim=1, keepdim=True)
    found = order[turned.gather(1, place)[:, 0]]
    return torch.where(same.any(dim=1), found, torch.full_like(found, -1))
