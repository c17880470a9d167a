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
from mechval.axioms.base import Interpretation, State, Trajectory
from mechval.axioms.cuts import Part, carried, claimed
from mechval.axioms.report import Estimate
from mechval.axioms.suite import refuse_part
from mechval.errors import MechvalError

POOLED = "all"


@dataclass(frozen=True)
class Variable:
    """One variable of the program's state behind a component, and what carries it there.

    Attributes:
        component: name of the component that computes it.
        value: the variable in the program's state.
        carrier: what carries it in the network's state (at a partial cut: in the claimed part).
            γ must write it there and nowhere else.
    """

    component: str
    value: Part
    carrier: Part


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
        n_pairs: all pairs tried; ``n`` counts the informative ones.
        no_op_rate: how often the network disagrees on them with nothing interchanged.
    """

    interpretation: str = tables.told()
    component: str = tables.told()
    variable: str = tables.told()
    cell: InterchangeCell = tables.told()
    n_pairs: int = tables.told("pairs")
    no_op_rate: float = tables.rate("no-op")


INTERCHANGES = tables.Table("axioms/interchange.csv", InterchangeRow)


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
    confidence: float = 0.95,
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
    _check(interpretation, variables)
    counts = {(each, cell): _Counts() for each in range(len(variables)) for cell in InterchangeCell}
    for bases, sources in states.pairs(states.n_samples(inputs), is_domain=domain_size is not None):
        base, source = (
            equations.make_trajectory(interpretation, equations.run_network(interpretation, some))
            for some in (states.pick(inputs, bases), states.pick(inputs, sources))
        )
        for number, variable in enumerate(variables):
            for cell, judged in _interchange(interpretation, variable, base, source).items():
                counts[number, cell].add(*judged)
    for number, variable in enumerate(variables):
        if not counts[number, InterchangeCell.NATIVE].n:
            raise MechvalError(
                f"variable {variable.value.name!r} has no informative pair among "
                f"{counts[number, InterchangeCell.NATIVE].n_pairs}: the program's answer never "
                "changes with it; allowed: more inputs, or a variable that the answer depends on."
            )
    rows = _rows(interpretation, variables, counts, confidence)
    return Interchanges(tuple(row.over_whole_domain() if domain_size else row for row in rows))


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


def _check(interpretation: Interpretation, variables: Sequence[Variable]) -> None:
    if not variables:
        raise MechvalError("variables is empty; allowed: at least one.")
    for variable in variables:
        if variable.component not in interpretation.components[:-1]:
            raise MechvalError(
                f"variable {variable.value.name!r} stands behind {variable.component!r}; allowed: "
                f"one of {', '.join(interpretation.components[:-1])}."
            )


def _interchange(
    interpretation: Interpretation, variable: Variable, base: Trajectory, source: Trajectory
) -> dict[InterchangeCell, tuple[Bool[Tensor, " pair"], ...]]:
    """By cell: which pairs are informative, which disagree, and which do so with no interchange."""
    place = f"{interpretation.name!r}, variable {variable.value.name!r}"
    i = interpretation.components.index(variable.component) + 1
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
    if not states.is_equal(variable.carrier.write(first, content), second):
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
    variables: Sequence[Variable],
    counts: Mapping[tuple[int, InterchangeCell], _Counts],
    confidence: float,
) -> Iterator[InterchangeRow]:
    for component in dict.fromkeys(each.component for each in variables):
        own = [number for number, each in enumerate(variables) if each.component == component]
        for cell in InterchangeCell:
            found = {variables[number].value.name: counts[number, cell] for number in own}
            for name, count in found.items():
                estimate = Estimate.of(count.disagreements, count.n, confidence)
                yield _row(interpretation, component, name, cell, [count], estimate)
            yield _row(
                interpretation,
                component,
                POOLED,
                cell,
                [*found.values()],
                _pooled([*found.values()], confidence),
            )


def _pooled(counts: Sequence[_Counts], confidence: float) -> Estimate:
    """All variables, each with its share of the informative pairs; they share inputs, so that
    each is bounded by itself.
    """
    n = sum(count.n for count in counts)
    disagreements = [count.disagreements for count in counts]
    sizes = [count.n for count in counts]
    weights = [size / n for size in sizes]
    bound = statistics.mixture_upper(disagreements, sizes, weights, confidence)
    return replace(Estimate.of(sum(disagreements), n, confidence), epsilon=bound)


def _row(
    interpretation: Interpretation,
    component: str,
    variable: str,
    cell: InterchangeCell,
    counts: Sequence[_Counts],
    estimate: Estimate,
) -> InterchangeRow:
    return InterchangeRow(
        **vars(estimate),
        interpretation=interpretation.name,
        component=component,
        variable=variable,
        cell=cell,
        n_pairs=sum(count.n_pairs for count in counts),
        no_op_rate=sum(count.no_op for count in counts) / estimate.n,
    )
