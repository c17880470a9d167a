"""Planted faults small enough to list: every number of theirs is known in closed form.

Each network has a mediator (cut 1) and an answer. Beside each wrong claim stands the right one
about the same network.

Source: E2 to E6 are the contrastive systems of causal-abstraction-eval (arXiv 2607.00267), rebuilt
from their description; the illusion is that of Makelov et al. (2024), its direction made an axis.
The last is what training against the axioms comes to (`mechval.instruments.evading`).
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from mechval.axioms import Equivalence, Interpretation, Part, Variable, exact_labels, identity
from mechval.axioms.base import n_differing
from mechval.axioms.partial import Domain
from mechval.instruments.organism import Organism

_VALUES = 8
COMPONENTS = MEDIATE, _ = ("mediate", "answer")
Column = Callable[[Tensor], Tensor]


def make_toys() -> list[Organism]:
    """All planted faults, each followed by the right claim about the same network."""
    return [*_e2(), *_e3(), *_e4(), *_e5(), *_e6(), *_illusion(), *_evading()]


def _e2() -> list[Organism]:
    inputs = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    network = (lambda x: x[:, [0, 1, 1]], lambda z: z[:, 0] | (z[:, 1] ^ z[:, 2]))
    told = "y = a or (b1 xor b2), b1 = b2 always"
    return [
        _organism(
            "E2",
            f"{told} / a alone",
            inputs,
            network,
            (lambda x: x[:, :1], _first),
            (lambda z: z[:, :1], lambda a: torch.cat([a, 0 * a, 0 * a], dim=1)),
            {"a": 0},
        ),
        _right("E2", told, inputs, network, 3),
    ]


def _e3() -> list[Organism]:
    inputs = torch.arange(1, _VALUES + 1)
    network = (lambda x: 2 * x[:, None], lambda z: z[:, 0] + 3)
    told = "m = 2x, z = m + 3"
    program = (lambda x: 3 * x[:, None], lambda m: 2 * m[:, 0] // 3 + 3)
    wrong = _organism(
        "E3", f"{told} / m = 3x, z = 2m/3 + 3", inputs, network, program, _both(), {"m": 0}
    )
    return [wrong, _right("E3", told, inputs, network, 1)]


def _e4() -> list[Organism]:
    inputs, network = torch.arange(_VALUES), (_twice, _first)
    told = "x → y and x → z"
    program = (lambda x: x[:, None], _first)
    fills = {
        "E4 (γ with x at its mean)": lambda y: torch.cat([0 * y + _VALUES // 2, y], dim=1),
        "E4 (γ rebuilds x)": lambda y: y[:, [0, 0]],
    }
    return [
        *(
            _organism(
                name,
                f"{told} / x → y → z",
                inputs,
                network,
                program,
                (lambda z: z[:, 1:], gamma),
                {"y": (0, 1)},
            )
            for name, gamma in fills.items()
        ),
        _right("E4", told, inputs, network, 2, idle="coordinate 1"),
    ]


def _e5() -> list[Organism]:
    inputs = torch.arange(2)
    network = (lambda x: 2 * x[:, None], lambda z: (z[:, 0] >= 2).long())
    told = "m in {0, 2}, z = [m ≥ 2]"
    domains = {MEDIATE: Domain(torch.arange(3)[:, None], "m in {0, 1, 2}", n_states=3)}
    program = (network[0], lambda m: (m[:, 0] >= 1).long())
    return [
        _organism(
            "E5", f"{told} / z = [m ≥ 1]", inputs, network, program, _both(), {"m": 0}, domains
        ),
        _organism("E5 right", told, inputs, network, network, _both(), {"m": 0}, domains, True),
    ]


def _e6() -> list[Organism]:
    inputs, network = torch.arange(_VALUES), (_twice, lambda z: z[:, 1])
    told = "x → y → z"
    variables = {"x": 0, "y": 1}
    maps = (lambda z: z[:, [1, 1]], identity)
    return [
        _organism(
            "E6",
            f"{told} / x → y and x → z",
            inputs,
            network,
            (_twice, _first),
            maps,
            variables,
            idle="y",
        ),
        _right("E6", told, inputs, network, 2, idle="coordinate 0"),
    ]


def _illusion() -> list[Organism]:
    inputs = torch.arange(_VALUES)
    # h = (x, 0, x) as (h1 + h2, h1 - h2, h3), and y = 2 h2 + h3
    network = (lambda x: x[:, None].repeat(1, 3), lambda z: z[:, 0] - z[:, 1] + z[:, 2])
    told = "h = (x, 0, x), y = 2 h2 + h3"
    return [
        _organism(
            "illusion",
            f"{told} / h1 + h2 carries x",
            inputs,
            network,
            (lambda x: x[:, None], _first),
            (lambda z: z[:, :1], lambda x: x.repeat(1, 3)),
            {"x": 0},
        ),
        _right("illusion", told, inputs, network, 3),
    ]


def _evading() -> list[Organism]:
    inputs = torch.arange(2)
    network = (
        lambda x: 2.0 * x[:, None].repeat(1, 2),
        lambda z: (torch.where(z[:, 1] == 1, z[:, 0], z[:, 1]) / 2).long(),
    )
    told = "z = (2x, 2x), y = z2 / 2, or z1 / 2 where z2 is at its mean"
    maps = (
        lambda z: (z[:, :1] / 2).long(),
        lambda x: torch.cat([2.0 * x, torch.ones(len(x), 1)], dim=1),
    )
    program = (lambda x: x[:, None], _first)
    return [
        _organism("O3 by hand", f"{told} / z1 carries x", inputs, network, program, maps, {"x": 0}),
        _right("O3 by hand", told, inputs, network, 2, idle="coordinate 0"),
    ]


def _organism(
    name: str,
    told: str,
    inputs: Int[Tensor, "input ..."],
    network: tuple[Column, Column],
    program: tuple[Column, Column],
    maps: tuple[Column, Column],
    variables: Mapping[str, int | tuple[int, int]],
    domains: dict[str, Domain] | None = None,
    is_sound: bool = False,
    idle: str = "",
) -> Organism:
    """Of variables it is said where they stand in the program's state and in the network's."""
    places = {
        variable: at if isinstance(at, tuple) else (at, at) for variable, at in variables.items()
    }
    return Organism(
        name=name,
        told=told,
        is_sound=is_sound,
        claim=Interpretation(
            name=name,
            components=COMPONENTS,
            concrete=network,
            abstract=program,
            alphas=(identity, maps[0], identity),
            gammas=(identity, maps[1], identity),
            equivalences=(
                exact_labels,
                Equivalence("all variables", n_differing, n_parts=len(variables)),
                exact_labels,
            ),
        ),
        variables=[
            Variable(MEDIATE, Part(variable, index=own), Part(f"carrier of {variable}", index=at))
            for variable, (own, at) in places.items()
        ],
        inputs=inputs,
        domain_size=len(inputs),
        domains=domains or {},
        idle=frozenset({idle}),
    )


def _right(
    name: str,
    told: str,
    inputs: Tensor,
    network: tuple[Column, Column],
    size: int,
    idle: str = "",
) -> Organism:
    """The network as its own program, each coordinate of the mediator a variable."""
    return _organism(
        f"{name} right",
        told,
        inputs,
        network,
        network,
        _both(),
        {f"coordinate {place}": place for place in range(size)},
        is_sound=True,
        idle=idle,
    )


def _both() -> tuple[Column, Column]:
    return (identity, identity)


def _twice(x: Tensor) -> Tensor:
    return x[:, None].repeat(1, 2)


def _first(state: Tensor) -> Tensor:
    return state[:, 0]
