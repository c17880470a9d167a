"""The drawn diagram: the network's components and the interpretation's, cut by cut, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from mechval.reporting.html.content import Component

_BOX, _GAP, _LINE, _PADDING = 225, 74, 17, 10
_CHARACTERS = 30
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


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
    """Everything that the template draws; narrow enough to be read on a phone."""

    boxes: tuple[Box, ...]
    input_state: str
    height: int
    width: int = 520
    box_width: int = _BOX
    line: int = _LINE
    padding: int = _PADDING


def lay_out(components: Sequence[Component], input_state: str) -> Diagram:
    """Place every component; each row is as high as its longer text."""
    boxes: list[Box] = []
    top = 64
    for number, step in enumerate(components, 1):
        cut = str(number).translate(_SUBSCRIPTS)
        network = (f"t{cut}", *wrap(step.network, _CHARACTERS))
        program = (f"h{cut} {step.name}", *wrap(step.program, _CHARACTERS))
        bottom = top + _PADDING * 2 + _LINE * max(len(network), len(program))
        states = (step.network_state, step.program_state)
        boxes.append(Box(top, bottom, network, program, *states, cut))
        top = bottom + _GAP
    return Diagram(tuple(boxes), input_state, top - _GAP + 50)
