"""Annotations of ``mechval`` are checked once a call, by beartype on the function itself.

jaxtyping's hook has two stand-ins for each function checked, its arguments by the first, its
arguments again and its result by the second, to word a better message: three times the price of a
call. It still keeps what names of sizes stand for, where there are any.
"""

from collections.abc import Callable
from dataclasses import is_dataclass
from inspect import isfunction, isgeneratorfunction
from typing import Any, get_args, get_type_hints

from jaxtyping import AbstractArray, jaxtyped

Decorator = Callable[[Any], Any]


def check_once(*, typechecker: Decorator) -> Decorator:
    """What stands in the place of ``jaxtyping.jaxtyped`` while ``mechval`` is imported."""

    def decorate(made: Any) -> Any:
        if isinstance(made, type):
            if is_dataclass(made) and isfunction(made.__init__):
                made.__init__ = decorate(made.__init__)
            return made
        try:
            hints = get_type_hints(made, include_extras=True)
        except NameError:
            # The name of a class that is not made yet.
            return jaxtyped(made, typechecker=typechecker)
        # Of what a generator gives nothing is checked.
        if isgeneratorfunction(made):
            return jaxtyped(made, typechecker=typechecker)
        checked = typechecker(made)
        has_sizes = any(map(_has_sizes, hints.values()))
        return jaxtyped(checked, typechecker=None) if has_sizes else checked

    return decorate


def _has_sizes(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    inner = hint if isinstance(hint, list) else get_args(hint)
    return any(map(_has_sizes, inner))
