"""Claims that say which variables a state holds, not where: α and γ are fitted in one way for all.

A state is taken as a sum of vectors, one for the value of each variable. Least squares finds them,
and the directions in which those of a variable vary most are its carrier; where variables share
directions, all of them together are one. So a right and a wrong program about the same state get
maps of the same family and effort.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechval.axioms import Equivalence, Interpretation, Part, Variable, exact_labels, identity
from mechval.axioms.base import n_differing
from mechval.errors import MechvalError
from mechval.instruments.organism import Organism, Searched

COMPONENTS = MEDIATE, _ = ("mediate", "answer")

Columns = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
"""What leads to the state in the middle, and what leads on from it."""


@dataclass(frozen=True, eq=False)
class Directions:
    """Where variables stand in a state, and what their values look like there.

    Attributes:
        mean: of the states it was fitted on.
        basis: one row per coordinate: those of the variables, in their order and as many each as
            its codes have, then what is orthogonal to them all.
        values: of each variable those that occurred, ascending.
        codes: of each of these the coordinates.
    """

    mean: Float[Tensor, " width"]
    basis: Float[Tensor, "width width"]
    values: tuple[Int[Tensor, " value"], ...]
    codes: tuple[Float[Tensor, "value rank"], ...]

    @property
    def places(self) -> list[slice]:
        """The coordinates of each variable."""
        ends = torch.tensor([codes.shape[1] for codes in self.codes]).cumsum(0).tolist()
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def coordinates(self, state: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """A state by its coordinates."""
        return torch.linalg.solve(self.basis.T, (state.double() - self.mean).T).T.contiguous()

    def state(self, coordinates: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """The way back."""
        return coordinates @ self.basis + self.mean

    def alpha(self, coordinates: Float[Tensor, "batch width"]) -> Int[Tensor, "batch variable"]:
        """Of each variable the value whose code is nearest."""
        found = [
            values[torch.cdist(coordinates[:, own], codes).argmin(dim=1)]
            for own, values, codes in zip(self.places, self.values, self.codes, strict=True)
        ]
        return torch.stack(found, dim=1)

    def gamma(self, held: Int[Tensor, "batch variable"]) -> Float[Tensor, "batch width"]:
        """The codes of the values, all else at its mean."""
        written = torch.zeros(len(held), len(self.basis), dtype=self.basis.dtype)
        parts = zip(self.places, self.values, self.codes, held.T.contiguous(), strict=True)
        for own, values, codes, wanted in parts:
            written[:, own] = codes[torch.searchsorted(values, wanted)]
        return written


def fit_directions(
    states: Float[Tensor, "sample width"], held: Int[Tensor, "sample variable"], rank: int
) -> Directions:
    """By least squares on what the program holds; ``rank`` directions for every variable.

    Raises MechvalError for more directions than the state has dimensions.
    """
    n = held.shape[1]
    _check_rank(rank, n, states.shape[1])
    values, vectors = _vectors(states, held)
    axes = [torch.linalg.svd(own)[2][:rank] for own in vectors]
    rest = torch.linalg.svd(torch.cat(axes))[2][n * rank :]
    codes = tuple(own @ axis.T for own, axis in zip(vectors, axes, strict=True))
    return Directions(states.double().mean(dim=0), torch.cat([*axes, rest]), values, codes)


def fit_sums(
    states: Float[Tensor, "sample width"],
    parts: Int[Tensor, "sample part"],
    rank: int,
    named: Callable[[Int[Tensor, "value part"]], Int[Tensor, " value"]],
) -> Directions:
    """One variable in ``rank`` directions, whose codes are sums of a vector for each of its parts.

    ``named`` gives the variable's value for every combination of parts, another for each. Raises
    MechvalError for more directions than the state has dimensions.
    """
    _check_rank(rank, 1, states.shape[1])
    values, vectors = _vectors(states, parts)
    basis = torch.linalg.svd(torch.cat(vectors))[2]
    codes = [own @ basis[:rank].T for own in vectors]
    places = torch.cartesian_prod(*(torch.arange(len(own)) for own in values)).reshape(
        -1, len(values)
    )
    found = named(torch.stack([own[at] for own, at in zip(values, places.T, strict=True)], dim=1))
    summed = torch.stack([own[at] for own, at in zip(codes, places.T, strict=True)]).sum(dim=0)
    order = found.argsort()
    return Directions(states.double().mean(dim=0), basis, (found[order],), (summed[order],))


def _check_rank(rank: int, n: int, width: int) -> None:
    if not 0 < n * rank <= width:
        raise MechvalError(
            f"rank={rank} takes {n * rank} of {width} dimensions for {n} variables; allowed: at "
            "least one each and no more than there are."
        )


def _vectors(
    states: Float[Tensor, "sample width"], held: Int[Tensor, "sample variable"]
) -> tuple[tuple[Int[Tensor, " value"], ...], list[Float[Tensor, "value width"]]]:
    """What occurred of every variable, and the vector of each of these beside the mean state."""
    states = states.double()
    values = tuple(column.unique() for column in held.T)
    designs = [(held[:, [place]] == own).double() for place, own in enumerate(values)]
    centred = states - states.mean(dim=0)
    fitted = torch.linalg.lstsq(torch.cat(designs, dim=1), centred, driver="gelsd").solution
    vectors = fitted.split([len(own) for own in values])
    return values, [
        own - design.mean(dim=0) @ own for own, design in zip(vectors, designs, strict=True)
    ]


def fitted_organism(
    name: str,
    told: str,
    network: Columns,
    program: Columns,
    found: Directions,
    *,
    variables: Sequence[str],
    inputs: Tensor,
    is_sound: bool,
    control: str = "",
    domain_size: int | None = None,
    logits: Callable[[Tensor], Tensor] | None = None,
) -> Organism:
    """The claim that the network's middle state holds what the program's does, and answers by it.

    Args:
        network: inputs to a state ``[batch, width]``, and on to labels.
        program: inputs to one integer for each of ``variables``, and on to labels.
        found: what α and γ are made of.
        logits: of labels from a middle state, for instruments that are trained.
    """
    named = [
        Variable(
            MEDIATE,
            Part(variable, index=place),
            Part(f"directions of {variable}", index=own),
        )
        for place, (variable, own) in enumerate(zip(variables, found.places, strict=True))
    ]
    claim = Interpretation(
        name=name,
        components=COMPONENTS,
        concrete=(
            lambda tokens: found.coordinates(network[0](tokens)),
            lambda coordinates: network[1](found.state(coordinates)),
        ),
        abstract=program,
        alphas=(identity, found.alpha, identity),
        gammas=(identity, found.gamma, identity),
        equivalences=(
            exact_labels,
            Equivalence("all variables", n_differing, n_parts=len(variables)),
            exact_labels,
        ),
    )
    return Organism(
        name=name,
        told=told,
        is_sound=is_sound,
        claim=claim,
        variables=named,
        inputs=inputs,
        domain_size=domain_size,
        control=control,
        scores=logits and (lambda cut, coordinates: logits(found.state(coordinates))),
        searched=[
            Searched(each, Part("the whole state"), codes.shape[1])
            for each, codes in zip(named, found.codes, strict=True)
            if logits
        ],
    )
