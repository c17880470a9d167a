"""What whole states that inputs reach cannot show: cells that take the states of a cut apart.

Axioms 3 and 4 put in a whole state of the program, and only states that some input reaches. They
hold alike for a claim whose variables cannot be set one by one, one that is wrong where no input
leads, and one that leaves out a part which happens to agree. The partial cells are

- *interchange* of single variables (`mechval.axioms.interchange`),
- *mixed-state replaceability*: some variables from one input, the others from another,
- *domain-wide replaceability*: states of the program's whole domain, reached or not,
- *replaceability with the unmapped state free* (`mechval.axioms.unmapped`): what carries no
  variable is taken from elsewhere, in several ways.

Source: the faults of causal-abstraction-eval (arXiv 2607.00267), E2 to E6, which the four axioms
mostly pass; docs/INSTRUMENTS.md.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import product

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from mechval import tables
from mechval.axioms import equations, guarding, states, statistics, unmapped
from mechval.axioms.base import Interpretation, State, Trajectory, Variable
from mechval.axioms.cuts import carried
from mechval.axioms.interchange import run_pairs
from mechval.axioms.report import Estimate
from mechval.axioms.suite import refuse_part
from mechval.errors import MechvalError

_BATCH = 1024
_MOST_SUBSETS, _MOST_STATES = 64, 4096


class PartialCell(StrEnum):
    """What is put in at a cut, and where from."""

    MIXED = "mixed-state replaceability"
    ALL = "domain-wide replaceability, all states"
    REACHED = "domain-wide replaceability, reached states"
    AS_WRITTEN = "replaceability, unmapped as γ fills it"
    JOINT = "replaceability, unmapped from one other input"
    INDEPENDENT = "replaceability, unmapped entries from inputs of their own"
    WORST = "replaceability, worst of several other inputs"
    CONSTANT = "replaceability, unmapped at the best constant found"


_FILLED = {
    PartialCell.AS_WRITTEN: unmapped.Fill.AS_WRITTEN,
    PartialCell.JOINT: unmapped.Fill.JOINT,
    PartialCell.INDEPENDENT: unmapped.Fill.INDEPENDENT,
    PartialCell.WORST: unmapped.Fill.WORST,
    PartialCell.CONSTANT: unmapped.Fill.CONSTANT,
}


@dataclass(frozen=True)
class Domain:
    """States of the program behind a component: drawn from a distribution, or all there are.

    Attributes:
        states: of the program, batched first.
        described: the distribution, in a reader's words.
        n_states: if they are all there are, how many that is; domain-wide cells are then exact.
    """

    states: State
    described: str
    n_states: int | None = None


@dataclass(frozen=True, kw_only=True)
class PartialRow(Estimate):
    """One partial cell behind a component; ``described`` says of what distribution, if needed."""

    interpretation: str = tables.told()
    component: str = tables.told()
    cell: PartialCell = tables.told()
    described: str = tables.told("states")


PARTIALS = tables.Table("partial/partial.csv", PartialRow)


@guarding.tracking()
def replace_partially(
    claim: Interpretation,
    variables: Sequence[Variable],
    inputs: State,
    *,
    domains: Mapping[str, Domain] | None = None,
    confidence: float = statistics.CONFIDENCE,
    domain_size: int | None = None,
    seed: int = 0,
) -> tuple[PartialRow, ...]:
    """The partial cells that put in whole states, behind every component that has ``variables``.

    Arguments and errors as `evaluate_partial_cells`, but that all pairs of a domain are tried.
    """
    statistics.check_confidence(confidence)
    is_listed = domain_size is not None
    if domain_size is not None:
        refuse_part(inputs, domain_size)
    domains = domains or {}
    made = Replacing(claim, by_cut(claim, variables, domains), domains, seed, is_listed)
    for base, source in run_pairs(claim, inputs, is_domain=is_listed):
        made.add(base, source)
    made.add_domains(inputs)
    return tuple(made.rows(confidence))


def by_cut(
    claim: Interpretation, variables: Sequence[Variable], domains: Mapping[str, Domain]
) -> dict[int, list[Variable]]:
    """The variables by their cut; raises MechvalError as `evaluate_partial_cells`."""
    if not variables:
        raise MechvalError("variables is empty; allowed: at least one.")
    found: dict[int, list[Variable]] = {}
    for variable in variables:
        found.setdefault(claim.cut_of(variable), []).append(variable)
    for component in domains:
        if component not in {variable.component for variable in variables}:
            raise MechvalError(
                f"domains has states behind {component!r}; allowed: behind a component that has "
                "variables."
            )
    return dict(sorted(found.items()))


@dataclass
class _Count:
    n: int = 0
    disagreements: int = 0

    def add(self, disagrees: Bool[Tensor, " pair"]) -> None:
        self.n += len(disagrees)
        self.disagreements += int(disagrees.sum())


@dataclass
class Replacing:
    """Counts of the cells that put in whole states, cut by cut, as pairs of inputs pass by."""

    claim: Interpretation
    cuts: Mapping[int, Sequence[Variable]]
    domains: Mapping[str, Domain]
    seed: int
    is_listed: bool
    counts: dict[tuple[int, PartialCell], _Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(self.seed)
        self._fillers: dict[int, unmapped.Filler] = {}
        self._reached: dict[int, set[bytes]] = {i: set() for i in self.cuts}

    def seek_domains(self, seen: Trajectory) -> None:
        """Take as domains what the values seen combine to, where that is little."""
        found = {
            self._component(i): _combinations(variables, seen.prefix[i])
            for i, variables in self.cuts.items()
        }
        self.domains = {name: domain for name, domain in found.items() if domain is not None}

    def add(self, base: Trajectory, source: Trajectory) -> None:
        """Count one batch of pairs; raises MechvalError for a variable that γ does not write."""
        for i, variables in self.cuts.items():
            if self._component(i) in self.domains:
                self._reached[i] |= {*_keys(base.prefix[i]), *_keys(source.prefix[i])}
            self._count(i, PartialCell.MIXED).add(self._mixed(i, variables, base, source))
            if i not in self._fillers:
                carriers = [variable.carrier for variable in variables]
                self._refuse_unwritten(i, variables, source)
                self._fillers[i] = unmapped.Filler(self.claim, i, carriers, self._generator)
            for cell, fill in _FILLED.items():
                self._count(i, cell).add(self._fillers[i].disagrees(fill, base, source))

    def add_domains(self, inputs: State) -> None:
        """Count the states of all domains, each put in beside the state of some input."""
        for i in self.cuts:
            domain = self.domains.get(self._component(i))
            if domain is None:
                continue
            n = states.n_samples(inputs)
            for start in range(0, states.n_samples(domain.states), _BATCH):
                end = min(start + _BATCH, states.n_samples(domain.states))
                some = states.pick(domain.states, range(start, end))
                rows = [row % n for row in range(start, end)]
                own = equations.run_network(self.claim, states.pick(inputs, rows))[i]
                disagrees = self._replaced(i, some, own)
                self._count(i, PartialCell.ALL).add(disagrees)
                is_reached = torch.tensor([key in self._reached[i] for key in _keys(some)])
                if bool(is_reached.any()):
                    self._count(i, PartialCell.REACHED).add(disagrees[is_reached])

    def rows(self, confidence: float) -> Iterator[PartialRow]:
        """All cells in the order of cuts; exact where nothing was drawn."""
        for (i, cell), count in sorted(
            self.counts.items(), key=lambda item: (item[0][0], list(PartialCell).index(item[0][1]))
        ):
            component = self._component(i)
            row = PartialRow(
                **vars(Estimate.of(count.disagreements, count.n, confidence)),
                interpretation=self.claim.name,
                component=component,
                cell=cell,
                described="",
            )
            if cell in (PartialCell.ALL, PartialCell.REACHED):
                domain = self.domains[component]
                row = PartialRow(**{**vars(row), "described": domain.described})
                is_exact = domain.n_states == states.n_samples(domain.states)
            else:
                is_exact = self.is_listed and (
                    cell in (PartialCell.AS_WRITTEN, PartialCell.JOINT)
                    or (cell == PartialCell.MIXED and _is_listable(self.cuts[i]))
                )
            yield row.over_whole_domain() if is_exact else row

    def _component(self, i: int) -> str:
        return self.claim.components[i - 1]

    def _count(self, i: int, cell: PartialCell) -> _Count:
        return self.counts.setdefault((i, cell), _Count())

    def _mixed(
        self, i: int, variables: Sequence[Variable], base: Trajectory, source: Trajectory
    ) -> Bool[Tensor, " pair"]:
        """All subsets of the variables if pairs are listed and they are few, else a random one."""
        n = states.n_samples(base.prefix[i])
        if self.is_listed and _is_listable(variables):
            chosen = [torch.tensor(each).expand(n, -1) for each in _subsets(variables)]
        else:
            chosen = [torch.rand(n, len(variables), generator=self._generator) < 0.5]
        found = []
        for taken in chosen:
            mixed = base.prefix[i]
            for variable, is_taken in zip(variables, taken.T, strict=True):
                own = variable.value.read(mixed)
                other = variable.value.read(source.prefix[i])
                where = is_taken.to(own.device).reshape(-1, *[1] * (own.ndim - 1))
                mixed = variable.value.write(mixed, torch.where(where, other, own))
            found.append(self._replaced(i, mixed, base.concrete[i]))
        return torch.cat(found)

    def _replaced(self, i: int, abstract: State, own: State) -> Bool[Tensor, " sample"]:
        """Where t[i:](γ_i(a)) is not h[i:](a)."""
        place = f"{self.claim.name!r}, partial cell behind {self._component(i)!r}"
        written = guarding.translate(self.claim.gammas[i], f"{place}: γ_{i}", abstract)
        state = carried(written, own, f"{place}: γ_{i}")
        answer = guarding.translate(partial(self.claim.run_after, i), f"{place}: t[{i}:]", state)
        read = guarding.translate(self.claim.alphas[-1], f"{place}: α", answer)
        expected = equations.run_components(self.claim.abstract[i:], abstract)[-1]
        return unmapped.differs(self.claim, read, expected)

    def _refuse_unwritten(self, i: int, variables: Sequence[Variable], seen: Trajectory) -> None:
        """A variable that takes several values must not always be written alike."""
        written = self.claim.gammas[i](seen.prefix[i])
        for variable in variables:
            values, content = variable.value.read(seen.prefix[i]), variable.carrier.read(written)
            if _n_distinct(values) > 1 and _n_distinct(content) == 1:
                raise MechvalError(
                    f"variable {variable.value.name!r} has no writer: γ_{i} writes the same into "
                    f"{variable.carrier.label!r} whatever its value; allowed: a γ that writes "
                    "every variable into its carrier."
                )


def _is_listable(variables: Sequence[Variable]) -> bool:
    return 2 ** len(variables) <= _MOST_SUBSETS


def _subsets(variables: Sequence[Variable]) -> Iterator[tuple[bool, ...]]:
    return product((False, True), repeat=len(variables))


def _combinations(variables: Sequence[Variable], state: State) -> Domain | None:
    values = [variable.value.read(state).unique(dim=0) for variable in variables]
    sizes = [len(own) for own in values]
    n = math.prod(sizes)
    if n > _MOST_STATES:
        return None
    made, places = states.pick(state, [0] * n), torch.unravel_index(torch.arange(n), sizes)
    for variable, own, chosen in zip(variables, values, places, strict=True):
        made = variable.value.write(made, own[chosen.to(own.device)])
    return Domain(made, "every combination of values in the first batch, each once", n)


def _n_distinct(values: Shaped[Tensor, "sample ..."]) -> int:
    return len(values.reshape(len(values), -1).unique(dim=0))


def _keys(state: State) -> list[bytes]:
    """A batch of abstract states as hashable values, one per sample."""
    leaves = [leaf for _, leaf in guarding.leaves(state)]
    rows = [leaf.reshape(len(leaf), -1).cpu().numpy() for leaf in leaves]
    return [b"".join(each.tobytes() for each in sample) for sample in zip(*rows, strict=True)]
