"""Single variables are interchanged: counts known in closed form, and writers that are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.bring_your_own import INPUTS, Reverser, interpret
from mechval import axioms as mv
from mechval.errors import MechvalError
from tests.unit.axioms import toy

NATIVE, GAMMA = mv.InterchangeCell
NUMBERS = torch.arange(toy.N)
BIT = mv.Variable("parse", mv.Part("bit"), mv.Part("second entry", index=1))


def by_cell(
    rows: tuple[mv.InterchangeRow, ...], variable: str
) -> dict[mv.InterchangeCell, mv.InterchangeRow]:
    return {row.cell: row for row in rows if row.variable == variable}


def test_the_toy_disagrees_as_often_as_its_sets_say() -> None:
    rows = mv.interchange_variables(toy.make_toy(), [BIT], NUMBERS, domain_size=toy.N).rows
    found = by_cell(rows, "bit")
    # The source's bit is wrong on A (4 even, 3 odd), what follows on B and C (8 even, 6 odd).
    assert found[NATIVE].n == found[GAMMA].n == 2 * 100 * 100
    assert found[NATIVE].disagreements == (3 * 92 + 97 * 8) + (4 * 94 + 96 * 6)
    assert found[GAMMA].disagreements == 8 * 100 + 6 * 100
    assert found[NATIVE].epsilon == found[NATIVE].rate
    assert found[NATIVE].no_op_rate == (200 - 7 - 11 - 3) / 200
    assert found[NATIVE].n_pairs == 40_000


def test_fresh_pairs_are_bounded() -> None:
    drawn = torch.randperm(toy.N, generator=torch.Generator().manual_seed(0))
    rows = mv.interchange_variables(toy.make_toy(), [BIT], NUMBERS[drawn]).rows
    assert all(row.n_pairs == 100 and row.epsilon > row.rate for row in rows)


def symbol(place: int, component: str = "embed", carrier: int | None = None) -> mv.Variable:
    where = place if carrier is None else carrier
    return mv.Variable(
        component,
        mv.Part(f"symbol {place}", index=place),
        mv.Part(f"position {where}", index=np.s_[where]),
    )


@pytest.fixture(scope="module")
def claim() -> mv.Interpretation:
    return interpret(Reverser())


def test_every_symbol_of_the_reverser_can_be_interchanged(claim: mv.Interpretation) -> None:
    variables = [symbol(place, at) for at in ("embed", "attend") for place in range(4)]
    rows = mv.interchange_variables(claim, variables, INPUTS, domain_size=81).rows
    assert len(rows) == 2 * 2 * (4 + 1)
    assert {(row.disagreements, row.no_op_rate) for row in rows} == {(0, 1.0)}
    assert {row.n for row in rows if row.variable != "all"} == {81 * 81 * 2 // 3}
    assert {row.n for row in rows if row.variable == "all"} == {4 * 81 * 81 * 2 // 3}


def test_the_table_is_printed_and_saved(claim: mv.Interpretation, tmp_path: Path) -> None:
    found = mv.interchange_variables(claim, [symbol(0)], INPUTS, domain_size=81)
    line = "| embed | symbol 0 | native interchange | 0 | 4374 | 0 | 1 | 6561 |"
    assert line in found.to_markdown().splitlines()
    assert "γ-interchange       0         4374" in str(found)
    found.save(tmp_path)
    assert mv.INTERCHANGES.read(tmp_path) == found.rows


def test_the_pooled_bound_holds_for_all_variables(claim: mv.Interpretation) -> None:
    drawn = INPUTS[torch.randint(81, (400,), generator=torch.Generator().manual_seed(0))]
    rows = mv.interchange_variables(claim, [symbol(place) for place in range(4)], drawn).rows
    single = [row.epsilon for row in rows if row.variable != "all"]
    pooled = [row.epsilon for row in rows if row.variable == "all"]
    assert min(pooled) > max(single) > 0


def test_a_writer_that_touches_more_than_its_carrier_is_refused(claim: mv.Interpretation) -> None:
    message = r"'reversal', variable 'symbol 0': γ_1 writes more than 'position 1\[1\]'"
    with pytest.raises(MechvalError, match=message):
        mv.interchange_variables(claim, [symbol(0, carrier=1)], INPUTS)


def swapped(resid: Tensor) -> Tensor:
    return resid[:, [1, 0, 2, 3]]


def test_a_program_that_names_the_wrong_place_is_seen(claim: mv.Interpretation) -> None:
    """The program swaps two symbols twice: its answer is right, its variables are not."""
    embed, attend = claim.alphas[1], claim.gammas[1]
    wrong = replace(
        claim,
        abstract=(swapped, lambda symbols: swapped(symbols).flip(1), claim.abstract[2]),
        alphas=(mv.identity, embed, *claim.alphas[2:]),
        gammas=(mv.identity, attend, *claim.gammas[2:]),
    )
    rows = mv.interchange_variables(wrong, [symbol(0), symbol(2)], INPUTS, domain_size=81).rows
    assert by_cell(rows, "symbol 0")[GAMMA].rate == 1
    assert by_cell(rows, "symbol 2")[GAMMA].rate == 0


class Backed(torch.nn.Module):
    """The answer is read from a copy of what the claim calls the carrier."""

    def __init__(self) -> None:
        super().__init__()
        self.both = torch.nn.Identity()

    def forward(self, number: Tensor) -> Tensor:
        return self.both(torch.stack([number, number], dim=1))[:, 1]


def test_a_carrier_that_a_backup_bypasses_is_seen() -> None:
    network = mv.CutNetwork(Backed(), ["both"], example=NUMBERS[:1], read_label=mv.identity)
    claim = mv.Interpretation(
        name="backed",
        components=("write", "tell"),
        concrete=network.components,
        abstract=(mv.identity, mv.identity),
        alphas=(mv.identity, lambda both: both[:, 0], mv.identity),
        gammas=(mv.identity, lambda number: torch.stack([number, 0 * number], dim=1), mv.identity),
        equivalences=(mv.exact_labels,) * 3,
    )
    variable = mv.Variable("write", mv.Part("number"), mv.Part("first", index=0))
    rows = mv.interchange_variables(claim, [variable], NUMBERS).rows
    assert {row.rate for row in rows} == {row.no_op_rate for row in rows} == {1.0}
    both = replace(claim, gammas=(mv.identity, lambda n: torch.stack([n, n], dim=1), mv.identity))
    with pytest.raises(MechvalError, match="writes more than 'first"):
        mv.interchange_variables(both, [variable], NUMBERS)


def test_a_variable_at_a_partial_cut_is_interchanged_in_the_part() -> None:
    network = mv.CutNetwork(
        Backed(), [mv.Cut("both", index=np.s_[1:])], example=NUMBERS[:1], read_label=mv.identity
    )
    claim = mv.Interpretation(
        name="part",
        components=("write", "tell"),
        concrete=network.components,
        abstract=(mv.identity, mv.identity),
        alphas=(mv.identity, lambda part: part[:, 0], mv.identity),
        gammas=(mv.identity, lambda number: number[:, None], mv.identity),
        equivalences=(mv.exact_labels,) * 3,
    )
    variable = mv.Variable("write", mv.Part("number"), mv.Part("copy", index=0))
    rows = mv.interchange_variables(claim, [variable], NUMBERS).rows
    assert {(row.rate, row.no_op_rate) for row in rows} == {(0.0, 1.0)}


@pytest.mark.parametrize(
    ("variables", "n", "message"),
    [
        ([], 10, r"variables is empty; allowed: at least one"),
        ([replace(BIT, component="output")], 10, r"stands behind 'output'; allowed: one of parse"),
        ([BIT], 1, r"inputs holds 1 samples; allowed: at least 2"),
        ([replace(BIT, value=mv.Part("bit", index=1))], 10, r"part 'bit\[1\]' fits no tensor"),
    ],
)
def test_what_cannot_be_interchanged_is_refused(
    variables: list[mv.Variable], n: int, message: str
) -> None:
    with pytest.raises(MechvalError, match=message):
        mv.interchange_variables(toy.make_toy(), variables, NUMBERS[:n])


def test_a_variable_without_informative_pairs_is_refused() -> None:
    with pytest.raises(MechvalError, match=r"variable 'bit' has no informative pair among 50"):
        mv.interchange_variables(toy.make_toy(), [BIT], NUMBERS[::2])
