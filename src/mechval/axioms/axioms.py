"""The four axioms. Each returns, per sample, how far apart the two sides of its equation are.

They read a `Trajectory`, in which every state that more than one of them needs was computed
once. Components are 1-based: component i leads from cut i - 1 to cut i.

Source: paper section 3; PAPER.md section 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mechval.axioms.interpretation import Interpretation, Map, State


@dataclass(frozen=True)
class Trajectory:
    """All states of one batch at cuts 0 … d; every tuple is indexed by the cut.

    Attributes:
        concrete: t[:i](x), the network's own states.
        observed: α_i(t[:i](x)), what is read off them.
        prefix: h[:i](α_0(x)), the program's own states.
        step: h_i(α_{i-1}(t[:i-1](x))), one component of the program fed by the network;
            α_0(x) at cut 0.
    """

    concrete: tuple[State, ...]
    observed: tuple[State, ...]
    prefix: tuple[State, ...]
    step: tuple[State, ...]


def run_components(components: Sequence[Map], state: State) -> tuple[State, ...]:
    """Run a chain of components and return its states at all cuts, the first one included."""
    states = [state]
    for component in components:
        states.append(component(states[-1]))
    return tuple(states)


def make_trajectory(interpretation: Interpretation, concrete: tuple[State, ...]) -> Trajectory:
    """Complete the network's states at all cuts (`run_components`) by those of the program."""
    observed = tuple(
        alpha(state) for alpha, state in zip(interpretation.alphas, concrete, strict=True)
    )
    prefix = run_components(interpretation.abstract, observed[0])
    # The first step starts from α_0(x) in the prefix too.
    later_steps = (
        component(state)
        for component, state in zip(interpretation.abstract[1:], observed[1:-1], strict=True)
    )
    return Trajectory(concrete, observed, prefix, step=(*prefix[:2], *later_steps))


def prefix_equivalence(
    interpretation: Interpretation, trajectory: Trajectory, component: int
) -> Tensor:
    """Axiom 1, α_i(t[:i](x)) = h[:i](α_0(x)), for each sample of the batch."""
    equivalence = interpretation.equivalences[component]
    return equivalence.distance(trajectory.observed[component], trajectory.prefix[component])


def component_equivalence(
    interpretation: Interpretation, trajectory: Trajectory, component: int
) -> Tensor:
    """Axiom 2, α_i(t_i(t[:i-1](x))) = h_i(α_{i-1}(t[:i-1](x))), for each sample of the batch."""
    equivalence = interpretation.equivalences[component]
    return equivalence.distance(trajectory.observed[component], trajectory.step[component])


def prefix_replaceability(
    interpretation: Interpretation, trajectory: Trajectory, component: int
) -> Tensor:
    """Axiom 3, t(x) = t[i:](γ_i(h[:i](α_0(x)))), for each sample of the batch."""
    replaced = interpretation.gammas[component](trajectory.prefix[component])
    label = interpretation.run_after(component, replaced)
    return interpretation.equivalences[-1].distance(trajectory.concrete[-1], label)


def component_replaceability(
    interpretation: Interpretation, trajectory: Trajectory, component: int
) -> Tensor:
    """Axiom 4, t(x) = t[i:](γ_i(h_i(α_{i-1}(t[:i-1](x))))), for each sample of the batch."""
    replaced = interpretation.gammas[component](trajectory.step[component])
    label = interpretation.run_after(component, replaced)
    return interpretation.equivalences[-1].distance(trajectory.concrete[-1], label)
