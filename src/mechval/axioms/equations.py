"""The 4·d cells of an axiom table: which of them are distinct, and the two sides of each.

Every user goes through :func:`sides`: counting, looking at single inputs, the search for
counterexamples. Components are 1-based: component i leads from cut i - 1 to cut i.

Source: paper section 3 (axioms).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from mechval.axioms import guarding
from mechval.axioms.base import (
    Axiom,
    CellKey,
    Equivalence,
    Interpretation,
    Map,
    Sides,
    State,
    Trajectory,
    run_ahead,
)
from mechval.axioms.cuts import carried, claimed


def representative_cells(interpretation: Interpretation) -> dict[CellKey, CellKey]:
    """Map each of the 4·d cells, in table order, to the first cell with the same two sides.

    At component 1 prefix and component coincide, so axiom 2 repeats 1 and 4 repeats 3. At
    component d, where α_d and γ_d are the identity, replacing the prefix leaves nothing of the
    network to run, so axiom 3 repeats 1 and 4 repeats 2. That leaves 4·d - 4 distinct cells for
    d > 1, and a single one for d = 1.

    Source: own; it follows from the axioms (paper section 3).
    """
    return dict(_representatives(interpretation.n_components, interpretation.output_is_label))


def distinct_cells(interpretation: Interpretation) -> tuple[CellKey, ...]:
    """List, in table order, the cells that repeat no earlier one."""
    cells = representative_cells(interpretation)
    return tuple(key for key, representative in cells.items() if key == representative)


def judges_label(interpretation: Interpretation, key: CellKey) -> bool:
    """Whether a cell compares predicted labels, so that a constant program is its baseline."""
    return key.axiom.is_replaceability or key.component == interpretation.n_components


def sides(interpretation: Interpretation, trajectory: Trajectory, key: CellKey) -> Sides:
    """Both sides of a cell's equation, for each sample of the trajectory's batch.

    1. prefix equivalence: α_i(t[:i](x)) = h[:i](α_0(x))
    2. component equivalence: α_i(t_i(t[:i-1](x))) = h_i(α_{i-1}(t[:i-1](x)))
    3. prefix replaceability: t(x) = t[i:](γ_i(h[:i](α_0(x))))
    4. component replaceability: t(x) = t[i:](γ_i(h_i(α_{i-1}(t[:i-1](x)))))

    At a partial cut γ_i gives the claimed part; the rest is that of t[:i](x) itself.
    """
    i, abstract = key.component, program_state(trajectory, key)
    place = f"{interpretation.name!r}, {interpretation.cell_name(key)}"
    if key.axiom.is_replaceability:
        network = trajectory.concrete[-1]
        gamma = f"{place}: γ_{i}"
        written = guarding.translate(interpretation.gammas[i], gamma, abstract)
        program = guarding.translate(
            partial(interpretation.run_after, i),
            f"{place}: t[{i}:]",
            carried(
                written,
                trajectory.concrete[i],
                f"{gamma} ({guarding.name_of(interpretation.gammas[i])})",
            ),
        )
    else:
        network, program = trajectory.observed[i], abstract
    equivalence = deciding_equivalence(interpretation, key)
    distance = f"{place}: distance of {equivalence.name!r}"
    return Sides(
        key=key,
        component=interpretation.components[i - 1],
        network=network,
        program=program,
        abstract=abstract,
        equivalence=replace(
            equivalence, distance=partial(guarding.apply, equivalence.distance, distance)
        ),
        concrete=trajectory.concrete,
    )


def program_state(trajectory: Trajectory, key: CellKey) -> State:
    """The program's state in a cell: h[:i](α_0(x)), or h_i(α_{i-1}(t[:i-1](x)))."""
    return (trajectory.prefix if key.axiom.is_prefix else trajectory.step)[key.component]


def deciding_equivalence(interpretation: Interpretation, key: CellKey) -> Equivalence:
    """The equivalence that decides a cell: its cut's own, or that of the labels."""
    return interpretation.equivalences[-1 if key.axiom.is_replaceability else key.component]


def run_components(components: Sequence[Map], state: State) -> tuple[State, ...]:
    """Run a chain of components and return its states at all cuts, the first one included."""
    states = [state]
    for component in components:
        states.append(component(states[-1]))
    return tuple(states)


def run_network(interpretation: Interpretation, inputs: State) -> tuple[State, ...]:
    """The network's own states t[:i](x) at all cuts.

    Raises MechvalError naming the component that changes the state it is given or gives NaN.
    """
    states, place = [inputs], f"{interpretation.name!r}: t_"
    while len(states) <= interpretation.n_components:
        number, components = len(states), interpretation.concrete[len(states) - 1 :]
        name = guarding.name_of(components[0])
        made = guarding.apply(_run_ahead(components, name), f"{place}{number}", states[-1])
        for later, state in enumerate(made, start=number):
            guarding.refuse_result(state, f"{place}{later} ({name})", inputs)
        states += made
    return tuple(states)


def _run_ahead(components: Sequence[Map], name: str) -> Callable[[State], tuple[State, ...]]:
    """`run_ahead` under the name that messages give it."""

    def run(state: State) -> tuple[State, ...]:
        return run_ahead(components, state)

    run.__qualname__ = name
    return run


def guard(applied: Map, place: str) -> Map:
    """A map that names its place when it fails (`guarding.translate`)."""
    return partial(guarding.translate, applied, place)


def make_trajectory(
    interpretation: Interpretation,
    concrete: tuple[State, ...],
    guard: Callable[[Map, str], Map] = guard,
) -> Trajectory:
    """Complete the network's states at all cuts (`run_network`) by those of the program.

    ``guard`` is what each α and h is run as.

    Raises MechvalError naming the α or component that changes the state it is given or gives NaN.
    """
    alphas, program = (
        [
            guard(applied, f"{interpretation.name!r}: {symbol}_{i}")
            for i, applied in enumerate(*maps)
        ]
        for symbol, maps in (
            ("α", (interpretation.alphas, 0)),
            ("h", (interpretation.abstract, 1)),
        )
    )
    observed = tuple(alpha(claimed(state)) for alpha, state in zip(alphas, concrete, strict=True))
    prefix = run_components(program, observed[0])
    # The first step starts from α_0(x) in the prefix too.
    later_steps = (
        component(state) for component, state in zip(program[1:], observed[1:-1], strict=True)
    )
    return Trajectory(concrete, observed, prefix, step=(*prefix[:2], *later_steps))


@guarding.tracking()
def cell_sides(interpretation: Interpretation, inputs: State, key: CellKey) -> Sides:
    """Run the network and the program on ``inputs`` and return what one cell compares."""
    concrete = run_network(interpretation, inputs)
    return sides(interpretation, make_trajectory(interpretation, concrete), key)


@guarding.tracking()
def examine_cells(interpretation: Interpretation, inputs: State) -> tuple[Sides, ...]:
    """Both sides of every distinct cell, in table order: not how often they part ways, but where.

    The inputs are concrete states at cut 0, one or more samples.
    """
    concrete = run_network(interpretation, inputs)
    trajectory = make_trajectory(interpretation, concrete)
    return tuple(sides(interpretation, trajectory, key) for key in distinct_cells(interpretation))


@cache
def _representatives(n_components: int, output_is_label: bool) -> Mapping[CellKey, CellKey]:
    found = {}
    for number, axiom in enumerate(Axiom):
        for component in range(1, n_components + 1):
            index = number - number % 2 if component == 1 else number
            if component == n_components and output_is_label:
                index %= 2
            found[CellKey(axiom, component)] = CellKey(list(Axiom)[index], component)
    return found
