"""Interchange of single variables: does the part that is said to carry one do so, and alone?

Axioms 3 and 4 put in whole states. Here one variable of a base input takes the value that it has on
a source input. What the network then answers must be what the program answers when its variable is
changed in the same way. Judged are informative pairs only, those in which the program's answer
changes: on all others an unread part passes.

Source: Geiger et al. (2021), Causal abstractions of neural networks (interchange interventions).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from jaxtyping import Bool
from torch import Tensor

from mechval import tables
from mechval.axioms import equations, guarding, rendering, states, statistics
from mechval.axioms.base import Interpretation, State, Trajectory, Variable
from mechval.axioms.cuts import carried, claimed
from mechval.axioms.evidence import EvidenceKind
from mechval.axioms.report import Estimate
from mechval.axioms.suite import refuse_part
from mechval.errors import MechvalError

POOLED = "all"
_ROUNDING = 1e-5
"""Of numbers of type float32, as a share of the largest."""


class InterchangeCell(StrEnum):
    """Where the carrier's content comes from."""

    NATIVE = "native interchange"
    """The network's own, on the source: t[i:](z_i(b) with the carrier of z_i(s))."""
    GAMMA = "γ-interchange"
    """Written by γ_i: right while the native one is wrong, the carrier holds more than the
    variable; wrong while that is right, γ writes what the network does not."""


@dataclass(frozen=True, kw_only=True)
class InterchangeRow(Estimate):
    """One variable, or all of a component (`POOLED`), on informative pairs.

    Attributes:
        n_pairs: all pairs tried; ``n`` counts the informative ones. Without any nothing is known:
            ε is 1.
        no_op_rate: how often the network disagrees on them with nothing interchanged.
    """

    interpretation: str = tables.told()
    component: str = tables.told()
    variable: str = tables.told()
    cell: InterchangeCell = tables.told()
    n_pairs: int = tables.told("pairs")
    no_op_rate: float = tables.rate("no-op")


INTERCHANGES = tables.Table("partial/interchange.csv", InterchangeRow)


@dataclass(frozen=True)
class Interchanges:
    """Every variable in both cells, and all of a component pooled, component by component."""

    rows: tuple[InterchangeRow, ...]

    def __str__(self) -> str:
        """One table, a row for each variable and cell."""
        return rendering.as_text(*self._table())

    def to_markdown(self) -> str:
        """The same table as Markdown."""
        return rendering.as_markdown(*self._table()) + "\n"

    def save(self, folder: str | Path) -> None:
        """Write the rows as ``interchange.csv``."""
        INTERCHANGES.write(self.rows, Path(folder))

    def _table(self) -> tuple[list[str], list[list[str]]]:
        columns = [
            "component",
            "variable",
            "cell",
            "disagree",
            "informative",
            "ε",
            "no-op",
            "pairs",
        ]
        return columns, [
            [
                *(row.component, row.variable, str(row.cell)),
                *(str(row.disagreements), str(row.n)),
                *(f"{row.epsilon:.3g}", f"{row.no_op_rate:.3g}", str(row.n_pairs)),
            ]
            for row in self.rows
        ]


@guarding.tracking()
def interchange_variables(
    interpretation: Interpretation,
    variables: Sequence[Variable],
    inputs: State,
    *,
    confidence: float = statistics.CONFIDENCE,
    domain_size: int | None = None,
) -> Interchanges:
    """Interchange every variable by itself, natively and through γ.

    The first half of the inputs are bases, the second half their sources, so that pairs are
    independent draws and ε is a bound; the pooled bounds hold for all variables together. If the
    inputs are the whole domain, all ordered pairs are tried and ε is exact.

    Args:
        inputs: a tensor, or a tuple or dict of tensors, batched first.
        confidence: of every one-sided bound.
        domain_size: if the inputs are all there are, how many that is.

    Raises MechvalError if there is no variable or less than one pair, for a component that is not
    there or the last one, for a part that does not fit, for a variable without informative pairs,
    or if γ writes more than a variable's carrier when that variable alone changes.
    """
    statistics.check_confidence(confidence)
    if domain_size is not None:
        refuse_part(inputs, domain_size)
    counting = Interchanging(interpretation, variables)
    for base, source in run_pairs(interpretation, inputs, is_domain=domain_size is not None):
        counting.add(base, source)
    found = counting.found(confidence, is_exact=domain_size is not None)
    for row in found.rows:
        if not row.n and row.variable != POOLED:
            raise MechvalError(
                f"variable {row.variable!r} has no informative pair among {row.n_pairs}: the "
                "program's answer never changes with it; allowed: more inputs, or a variable that "
                "the answer depends on."
            )
    return found


def run_pairs(
    interpretation: Interpretation, inputs: State, *, is_domain: bool
) -> Iterator[tuple[Trajectory, Trajectory]]:
    """What network and program do on bases and on their sources (`states.pairs`)."""
    for bases, sources in states.pairs(states.n_samples(inputs), is_domain=is_domain):
        yield (
            run_both(interpretation, states.pick(inputs, bases)),
            run_both(interpretation, states.pick(inputs, sources)),
        )


def run_both(interpretation: Interpretation, inputs: State) -> Trajectory:
    """The states of network and program at all cuts."""
    concrete = equations.run_network(interpretation, inputs)
    return equations.make_trajectory(interpretation, concrete)


class Interchanging:
    """Counts of every variable in both cells, as pairs of inputs pass by.

    Raises MechvalError if there is no variable, or one that stands behind no inner component.
    """

    def __init__(self, interpretation: Interpretation, variables: Sequence[Variable]) -> None:
        if not variables:
            raise MechvalError("variables is empty; allowed: at least one.")
        self._interpretation = replace(interpretation, variables=variables)
        self._counts = {
            (number, cell): _Counts()
            for number in range(len(variables))
            for cell in InterchangeCell
        }

    def add(self, base: Trajectory, source: Trajectory) -> None:
        """Interchange every variable; raises MechvalError as `interchange_variables`."""
        for number, variable in enumerate(self._interpretation.variables):
            judged = _interchange(self._interpretation, variable, base, source)
            for cell, counted in judged.items():
                self._counts[number, cell].add(*counted)

    def found(self, confidence: float, *, is_exact: bool) -> "Interchanges":
        """Every variable and all of a component; exact if all pairs that there are were tried."""
        rows = _rows(self._interpretation, self._counts, confidence)
        return Interchanges(
            tuple(row.over_whole_domain() if is_exact and row.n else row for row in rows)
        )


@dataclass
class _Counts:
    """Pairs, informative ones, and those of them on which network and program disagree."""

    n_pairs: int = 0
    n: int = 0
    disagreements: int = 0
    no_op: int = 0

    def add(self, is_informative: Tensor, disagrees: Tensor, no_op: Tensor) -> None:
        self.n_pairs += len(is_informative)
        self.n += int(is_informative.sum())
        self.disagreements += int((disagrees & is_informative).sum())
        self.no_op += int((no_op & is_informative).sum())


def _interchange(
    interpretation: Interpretation, variable: Variable, base: Trajectory, source: Trajectory
) -> dict[InterchangeCell, tuple[Bool[Tensor, " pair"], ...]]:
    """By cell: which pairs are informative, which disagree, and which do so with no interchange."""
    place = f"{interpretation.name!r}, variable {variable.value.name!r}"
    i = interpretation.cut_of(variable)
    changed = variable.value.write(base.prefix[i], variable.value.read(source.prefix[i]))
    expected = changed
    for number, component in enumerate(interpretation.abstract[i:], start=i + 1):
        expected = guarding.translate(component, f"{place}: h_{number}", expected)
    is_informative = _differs(interpretation, base.prefix[-1], expected, place)
    no_op = _differs(interpretation, base.observed[-1], expected, place)
    judged = {cell: (is_informative, is_informative.clone(), no_op) for cell in InterchangeCell}
    # On the other pairs the network need not run.
    rows = is_informative.nonzero().flatten().tolist()
    if not rows:
        return judged
    own, other, before, changed, expected = (
        states.pick(state, rows)
        for state in (base.concrete[i], source.concrete[i], base.prefix[i], changed, expected)
    )
    contents = {
        InterchangeCell.NATIVE: variable.carrier.read(claimed(other)),
        InterchangeCell.GAMMA: _written(interpretation, variable, i, before, changed),
    }
    for cell, content in contents.items():
        state = carried(variable.carrier.write(claimed(own), content), own, f"{place}, {cell}")
        run = partial(interpretation.run_after, i)
        answer = guarding.translate(run, f"{place}, {cell}: t[{i}:]", state)
        read = guarding.translate(interpretation.alphas[-1], f"{place}, {cell}: α", answer)
        judged[cell][1][rows] = _differs(interpretation, read, expected, place)
    return judged


def _written(
    interpretation: Interpretation, variable: Variable, i: int, before: State, changed: State
) -> Tensor:
    """What γ writes for the changed variable, which must be all that it writes otherwise."""
    place = f"{interpretation.name!r}, variable {variable.value.name!r}: γ_{i}"
    first, second = (
        guarding.translate(interpretation.gammas[i], place, state) for state in (before, changed)
    )
    content = variable.carrier.read(second)
    if not states.is_equal(variable.carrier.write(first, content), second, _ROUNDING):
        raise MechvalError(
            f"{place} writes more than {variable.carrier.label!r} when that variable alone "
            "changes; allowed: a γ that writes a variable in its carrier and nowhere else."
        )
    return content


def _differs(
    interpretation: Interpretation, first: State, second: State, place: str
) -> Bool[Tensor, " pair"]:
    decides = interpretation.equivalences[-1]
    distance = guarding.apply(
        decides.distance, f"{place}: distance of {decides.name!r}", first, second
    )
    return (distance > decides.tolerance).cpu()


def _rows(
    interpretation: Interpretation,
    counts: Mapping[tuple[int, InterchangeCell], _Counts],
    confidence: float,
) -> Iterator[InterchangeRow]:
    variables = interpretation.variables
    for component in dict.fromkeys(each.component for each in variables):
        own = [number for number, each in enumerate(variables) if each.component == component]
        for cell in InterchangeCell:
            found = [(variables[number].value.name, [counts[number, cell]]) for number in own]
            for name, each in (*found, (POOLED, [counts[number, cell] for number in own])):
                n = sum(count.n for count in each)
                yield InterchangeRow(
                    **vars(_estimate(each, n, confidence)),
                    interpretation=interpretation.name,
                    component=component,
                    variable=name,
                    cell=cell,
                    n_pairs=sum(count.n_pairs for count in each),
                    no_op_rate=sum(count.no_op for count in each) / max(n, 1),
                )


def _estimate(counts: Sequence[_Counts], n: int, confidence: float) -> Estimate:
    """Variables weigh as their informative pairs; they share inputs, so each is bounded alone."""
    if not n:
        return Estimate(n=0, disagreements=0, rate=0.0, epsilon=1.0, kind=EvidenceKind.SAMPLED)
    tried = [count for count in counts if count.n]
    disagreements, sizes = [each.disagreements for each in tried], [each.n for each in tried]
    weights = [size / n for size in sizes]
    bound = statistics.mixture_upper(disagreements, sizes, weights, confidence)
    return replace(Estimate.of(sum(disagreements), n, confidence), epsilon=bound)
