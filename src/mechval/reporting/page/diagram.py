"""The drawn diagram: the network's components and the interpretation's, cut by cut, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from mechval.reporting.page.content import Component

WIDTH = 520
"""Of the drawing, in its own units: small enough to be read on a phone."""

_BOX, _GAP, _LINE, _PADDING = 225, 74, 17, 10
_CHARACTERS = 30


@dataclass(frozen=True)
class Box:
    """A step of the network and of the program at one height.

    Attributes:
        top: upper edge; ``bottom`` the lower one.
        network, program: title first, then lines of text.
        network_state, program_state: written below the boxes.
        cut: number of the cut below them, as a subscript.
    """

    top: int
    bottom: int
    network: tuple[str, ...]
    program: tuple[str, ...]
    network_state: str
    program_state: str
    cut: str


@dataclass(frozen=True)
class Diagram:
    """Everything that the template draws."""

    boxes: tuple[Box, ...]
    input_state: str
    height: int
    width: int = WIDTH
    box_width: int = _BOX
    line: int = _LINE
    padding: int = _PADDING


def lay_out(components: Sequence[Component], input_state: str) -> Diagram:
    """Place every component; each row is as high as its longer text."""
    boxes: list[Box] = []
    top = 64
    for number, component in enumerate(components, 1):
        network = (f"t{_subscript(number)}", *wrap(component.network, _CHARACTERS))
        program = (f"h{_subscript(number)} {component.name}", *wrap(component.program, _CHARACTERS))
        bottom = top + _PADDING * 2 + _LINE * max(len(network), len(program))
        states = (component.network_state, component.program_state)
        boxes.append(Box(top, bottom, network, program, *states, _subscript(number)))
        top = bottom + _GAP
    return Diagram(tuple(boxes), input_state, top - _GAP + 50)


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
