"""Beside each equivalence cell stands the same cell with another sample's program state."""

import pytest
import torch
from torch import Tensor

from mechval.axioms import Equivalence, Interpretation, Verdict
from mechval.axioms.report import ControlCell
from tests.unit.axioms import toy

NOTHING = Equivalence("nothing", lambda first, second: torch.zeros(len(first)))


def shuffled(claim: Interpretation, size: int = toy.N) -> dict[str, ControlCell]:
    return {cell.name: cell for cell in toy.evaluate_toy(claim, toy.make_batches(size)).shuffled}


def test_every_distinct_equivalence_cell_has_one() -> None:
    assert shuffled(toy.make_toy()).keys() == {
        "prefix equivalence/parse",
        "prefix equivalence/evaluate",
        "prefix equivalence/output",
        "component equivalence/evaluate",
        "component equivalence/output",
    }


@pytest.mark.parametrize("size", [toy.N, 20])
def test_another_samples_bit_is_right_by_chance_only(size: int) -> None:
    for cell in shuffled(toy.make_toy(), size).values():
        assert 0.35 < cell.rate < 0.65
        assert cell.lower < cell.rate < cell.epsilon
        assert not cell.passes


def test_a_cell_that_cannot_fail_is_passed_by_a_shuffled_program() -> None:
    found = shuffled(toy.with_map(toy.make_toy(), "equivalences", 1, NOTHING))
    passed = [name for name, cell in found.items() if cell.passes]
    assert passed == ["prefix equivalence/parse"]
    assert found["prefix equivalence/parse"].disagreements == 0


def test_a_label_cell_that_a_shuffled_program_passes_has_no_verdict() -> None:
    """The constant that is wrong nearly everywhere is easily beaten; chance is not."""
    mostly_odd = torch.cat([torch.arange(1, 191, 2), torch.arange(0, 10, 2)])
    batch = toy.Batch(mostly_odd, (torch.arange(len(mostly_odd)) > 50).long())

    def guess(bit: Tensor) -> Tensor:
        return torch.zeros_like(bit)

    claim = toy.with_map(toy.make_toy(), "abstract", 2, guess)
    report = toy.evaluate_toy(claim, [batch], constant_label=1)
    (cell,) = (cell for cell in report.cells if cell.name == "prefix equivalence/output")
    assert report.constant.lower > cell.epsilon
    assert cell.verdict is Verdict.SHUFFLED_PASSES


def test_single_samples_have_no_other_to_be_shuffled_with() -> None:
    assert shuffled(toy.make_toy(), 1) == {}


def test_what_cannot_be_taken_apart_is_not_shuffled() -> None:
    class Opaque:
        def __init__(self, bit: Tensor) -> None:
            self.bit = bit

    claim = toy.with_map(toy.make_toy(), "abstract", 0, lambda number: Opaque(toy.parity(number)))
    claim = toy.with_map(claim, "abstract", 1, lambda state: toy.negate(_bit(state)))
    claim = toy.with_map(claim, "gammas", 1, lambda state: toy.write_bit(_bit(state)))
    compared = Equivalence("bit", lambda first, second: _bit(first) != _bit(second))
    claim = toy.with_map(claim, "equivalences", 1, compared)
    assert "prefix equivalence/parse" not in shuffled(claim)


def _bit(state: object) -> Tensor:
    return getattr(state, "bit", state)  # type: ignore[return-value]
