"""Tables of results inside hand-written Markdown, between ``<!-- results:NAME -->`` and its end."""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from mechval.errors import MechvalError
from mechval.reporting.report import RunFiles

Block: TypeAlias = Callable[[Mapping[str, RunFiles]], str]
"""Makes the Markdown of a block from a study's committed runs, by name."""

_BLOCK = re.compile(r"(<!-- results:(\w+) -->\n)(.*?)(<!-- /results:\2 -->)", re.DOTALL)
_MARKER = re.compile(r"<!-- /?results:(\w+) -->")


def fill(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """The text with every block made anew by the function of its name.

    Raises MechvalError for markers that do not pair, and for a block that nothing makes.
    """
    names = [match[2] for match in _BLOCK.finditer(text)]
    for name in _MARKER.findall(text):
        if name not in blocks:
            raise MechvalError(f"results:{name} is made by nothing; allowed: {', '.join(blocks)}.")
        if name not in names:
            raise MechvalError(f"results:{name} has no end; allowed: <!-- /results:{name} -->.")
    return _BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]().strip()}\n{match[4]}", text)
