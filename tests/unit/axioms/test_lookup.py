"""Any right program passes all axioms if α and γ look states up, until inputs are held out."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechval import axioms as mv
from mechval.axioms import lookup
from mechval.errors import MechvalError
from mechval.instruments.toys import make_toys

TOYS = {toy.name: toy for toy in make_toys()}


def n_failing(claim: mv.Interpretation, inputs: torch.Tensor) -> int:
    report = mv.enumerate_axioms(claim, inputs, domain_size=len(inputs))
    return sum(cell.disagreements > 0 for cell in report.cells)


@pytest.mark.parametrize("name", ["E3", "E4 (γ with x at its mean)", "E6"])
def test_any_right_program_passes_every_axiom(name: str) -> None:
    """E3 and one E4 violate axioms with their own maps; their answers are made right."""
    toy = TOYS[name]
    right = replace(
        toy.claim, abstract=(toy.claim.concrete[1], mv.identity), alphas=(mv.identity,) * 3
    )
    answer = toy.claim.concrete[1]
    # the mediator's step already answers, the answer's step does nothing
    solved = replace(right, abstract=(lambda x: answer(toy.claim.concrete[0](x)), mv.identity))
    assert n_failing(lookup.lookup_claim(solved, toy.inputs), toy.inputs) == 0


def test_a_program_with_a_wrong_answer_does_not() -> None:
    toy = TOYS["E6"]
    wrong = replace(toy.claim, abstract=(toy.claim.abstract[0], lambda both: both[:, 0] + 1))
    assert n_failing(lookup.lookup_claim(wrong, toy.inputs), toy.inputs) > 0


def test_it_fails_where_states_coincide() -> None:
    """The theorem needs different states: E2's program state is lost where the network drops it."""
    toy = TOYS["E2"]
    blind = replace(
        toy.claim,
        concrete=(lambda x: 0 * toy.claim.concrete[0](x), toy.claim.concrete[1]),
    )
    assert n_failing(lookup.lookup_claim(blind, toy.inputs), toy.inputs) > 0


def test_held_out_inputs_are_what_a_table_does_not_know(tmp_path: Path) -> None:
    """Of eight values the table holds four; the others are read as their nearest neighbour."""
    toy = TOYS["E6 right"]
    rows = tuple(
        lookup.lookup_curve(toy.claim, toy.inputs, toy.inputs, sizes=[4, 8], input_bits=3.0)
    )
    assert {row.rate for row in rows if row.stored == 8} == {0}
    assert {row.rate for row in rows if row.stored == 4} == {1 / 2, 0}
    assert {(row.stored, row.bits) for row in rows} == {(4, 12), (8, 24)}
    lookup.LOOKUPS.write(rows, tmp_path)
    assert [row.n for row in lookup.LOOKUPS.read(tmp_path)] == [8] * len(rows)


@pytest.mark.parametrize("size", [0, 9])
def test_other_sizes_are_refused(size: int) -> None:
    toy = TOYS["E6"]
    with pytest.raises(MechvalError, match=f"sizes={size} is not allowed; allowed: 1 to 8"):
        list(lookup.lookup_curve(toy.claim, toy.inputs, toy.inputs, sizes=[size], input_bits=3.0))


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(MechvalError, match="stored holds no input"):
        lookup.lookup_claim(TOYS["E6"].claim, torch.arange(0))
