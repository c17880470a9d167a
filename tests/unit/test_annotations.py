"""That annotations are checked: kinds, sizes, and sizes against each other, once for each call."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from beartype import beartype
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float
from torch import Tensor

from mechval.axioms import clopper_pearson_upper
from mechval.axioms.states import pick
from tests.annotations import check_once

checked = check_once(typechecker=beartype)


@checked
def add(left: Float[Tensor, " n"], right: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    total = left + right
    return total.repeat(2) if total.sum() > 9 else total


@checked
def name(number: int) -> str:
    return str(number) if number else None  # pyright: ignore[reportReturnType]


@checked
@dataclass
class Pair:
    first: Float[Tensor, " n"]
    second: Float[Tensor, " n"]


ONE, TWO, LARGE = torch.ones(1), torch.ones(2), torch.full((3,), 9.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (add, (TWO, ONE)),
        (add, (TWO, TWO.long())),
        (add, (TWO[None], TWO)),
        (add, (LARGE, LARGE)),
        (name, ("1",)),
        (name, (0,)),
        (Pair, (ONE, TWO)),
        (Pair, (ONE, 1.0)),
        (clopper_pearson_upper, ("1", 2, 0.95)),
        (pick, (ONE, ONE[None].long())),
    ],
    ids=[
        *("sizes", "kind", "axes", "size of result", "argument", "result", "sizes of fields"),
        *"abc",
    ],
)
def test_a_call_against_its_annotations_is_refused(call: Any, words: tuple[Any, ...]) -> None:
    with pytest.raises(BeartypeCallHintViolation):
        call(*words)


def test_calls_as_annotated_pass() -> None:
    assert add(TWO, TWO).tolist() == [2, 2]
    assert Pair(TWO, TWO).second is TWO
    assert name(1) == "1"
