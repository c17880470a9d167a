"""A claim that states its variables: partial cells beside the axioms, in tables and in specs."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.bring_your_own import INPUTS, Reverser, interpret
from mechval import axioms as mv
from mechval.axioms import partial_cells
from mechval.axioms.spec import SPEC
from mechval.axioms.spec_variables import describe_variable
from mechval.errors import MechvalError
from tests.unit.axioms import toy
from tests.unit.axioms.test_interchange import BIT, symbol

NATIVE, GAMMA = mv.InterchangeCell
NUMBERS = torch.arange(toy.N)
PARTS = (toy.parity, toy.negate, toy.read_bit, toy.write_bit)


def claim(**changes: Any) -> mv.Interpretation:
    return replace(toy.make_toy(), **{"variables": [BIT], **changes})


@pytest.fixture(scope="module")
def result() -> mv.ValidationResult:
    return mv.validate(claim(), NUMBERS, domain_size=toy.N)


def told(result: mv.ValidationResult) -> dict[tuple[str, str | None], dict[str, Any]]:
    return {(row["axiom"], row["variable"]): row for row in result.rows()}


def test_counts_are_those_of_the_closed_form(result: mv.ValidationResult) -> None:
    rows = told(result)
    native = (3 * 92 + 97 * 8) + (4 * 94 + 96 * 6)  # as in test_interchange
    for variable in ("bit", "all variables"):
        assert rows[NATIVE, variable]["disagreements"] == native
        assert rows[NATIVE, variable]["n"] == 2 * 100 * 100
    # γ writes no number, so that what runs after it never errs, as it does on A, B and C.
    assert rows[mv.PartialCell.AS_WRITTEN, None]["disagreements"] == (7 + 11 + 3) * toy.N
    assert rows[mv.PartialCell.MIXED, None]["disagreements"] == 0
    assert (rows[mv.PartialCell.ALL, None]["n"], rows[mv.PartialCell.ALL, None]["rate"]) == (2, 0)
    assert rows[NATIVE, "bit"]["evidence"] == "exact"
    assert rows[mv.PartialCell.WORST, None]["evidence"] == "sampled"


def test_the_axioms_are_what_they_are_without_variables(result: mv.ValidationResult) -> None:
    without = mv.validate(toy.make_toy(), NUMBERS, domain_size=toy.N)
    assert without.partial_cells == ()
    assert [*result.rows()][:8] == [*without.rows()]


def test_the_verdict_has_a_sentence_on_them(result: mv.ValidationResult) -> None:
    sentence = "Partial cells: toy fails in 9 of 12 cells (largest ε 0.333 at replaceability, "
    assert sentence in result.verdict


def test_tables_hold_them_beside_the_axioms(
    result: mv.ValidationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = str(result).splitlines()
    (line,) = (line for line in lines if "γ-interchange  " in line and "bit" in line)
    assert line.split()[-5:] == ["1,400", "20,000", "0.07", "0.895", "fails"]
    assert "| toy | native interchange | parse, all variables | 2,004 | 20,000 |" in (
        result.to_markdown()
    )
    assert result.to_latex().count("toy &") == 8 + 12
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    assert len(result.to_frame()) == 8 + 12


def test_they_are_read_back_as_they_were_saved(result: mv.ValidationResult, tmp_path: Path) -> None:
    result.save(tmp_path)
    assert str(mv.load_result(tmp_path)) == str(result)
    path = tmp_path / "interchange.csv"
    path.write_text(path.read_text().replace("bit", "bat"))
    with pytest.raises(MechvalError, match=r"holds other files than .*interchange\.csv"):
        mv.load_result(tmp_path)


def test_fresh_pairs_are_the_halves_of_every_batch() -> None:
    drawn = NUMBERS[torch.randperm(toy.N, generator=torch.Generator().manual_seed(0))]

    def batches() -> Iterator[Tensor]:
        yield from drawn.split(60)

    streamed, whole = mv.validate(claim(), batches()), mv.validate(claim(), drawn, batch_size=60)
    assert streamed.partial_cells == whole.partial_cells
    row = told(whole)[NATIVE, "bit"]
    assert row["epsilon"] > row["rate"] > 0
    (cells,) = whole.partial_cells
    assert {each.n_pairs for each in cells.interchanges.rows} == {100}


def test_of_a_large_domain_pairs_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_cells, "_MOST_PAIRS", toy.N**2 - 1)
    (cells,) = mv.validate(claim(), NUMBERS, domain_size=toy.N).partial_cells
    native = cells.interchanges.rows[0]
    assert (native.n_pairs, native.kind) == (100, mv.EvidenceKind.SAMPLED)
    # In the order of the list a base and its source would always have the same bit.
    assert native.n > 30


def bypassed(number: Tensor) -> Tensor:
    return torch.stack([number, number], dim=1)


def first(both: Tensor) -> Tensor:
    return both[:, 0]


def second(both: Tensor) -> Tensor:
    return both[:, 1]


def write_first(number: Tensor) -> Tensor:
    return torch.stack([number, 0 * number], dim=1)


def backed(**changes: Any) -> mv.Interpretation:
    """The answer is read from a copy of what the claim calls the carrier."""
    made = mv.Interpretation(
        name="backed",
        components=("write", "tell"),
        concrete=(bypassed, second),
        abstract=(mv.identity, mv.identity),
        alphas=(mv.identity, first, mv.identity),
        gammas=(mv.identity, write_first, mv.identity),
        equivalences=(mv.exact_labels,) * 3,
        variables=[mv.Variable("write", mv.Part("number"), mv.Part("first", index=0))],
    )
    return replace(made, **changes)


def test_a_carrier_that_is_bypassed_fails() -> None:
    result = mv.validate(backed(), NUMBERS[:20], domain_size=20)
    assert told(result)[NATIVE, "number"]["rate"] == 1
    assert told(result)[NATIVE, "number"]["status"] == "fails"
    (found,) = result.partial_cells
    assert f"Partial cells: backed fails in {len(found.all_rows)} of 12 cells" in result.verdict


def test_a_variable_that_no_answer_depends_on_has_no_verdict() -> None:
    result = mv.validate(claim(), NUMBERS[::2])  # even numbers: all bits are the same
    row = told(result)[NATIVE, "bit"]
    assert (row["n"], row["epsilon"], row["status"]) == (0, 1.0, "no verdict")


def test_a_right_claim_passes_every_cell() -> None:
    symbols = [symbol(place, at) for at in ("embed", "attend") for place in range(4)]
    made = replace(interpret(Reverser()), variables=symbols)
    result = mv.validate(made, INPUTS, domain_size=81)
    (found,) = result.partial_cells
    assert {row.disagreements for row in found.all_rows} == {0}
    assert len(found.all_rows) == 2 * (2 * (4 + 1) + 8)
    whole = told(result)[mv.PartialCell.ALL, None]
    assert (whole["n"], whole["evidence"]) == (81, "exact")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (backed(gammas=(mv.identity, bypassed, mv.identity)), "writes more than 'first"),
        (
            backed(gammas=(mv.identity, lambda n: bypassed(0 * n), mv.identity)),
            "variable 'number' has no writer: γ_1 writes the same",
        ),
        (
            backed(variables=[mv.Variable("write", mv.Part("n"), mv.Part("none", index=7))]),
            r"part 'none\[7\]' fits no tensor",
        ),
    ],
    ids=["more than its own", "no writer", "no such place"],
)
def test_what_is_no_writer_is_refused(made: mv.Interpretation, message: str) -> None:
    for domain_size in (20, None):
        with pytest.raises(MechvalError, match=message):
            mv.validate(made, NUMBERS[:20], domain_size=domain_size)


def test_a_variable_behind_the_last_component_is_refused_at_once() -> None:
    with pytest.raises(MechvalError, match="stands behind 'output'; allowed: one of parse, eval"):
        claim(variables=[replace(BIT, component="output")])


def test_inputs_without_a_pair_are_refused() -> None:
    with pytest.raises(MechvalError, match="no batch of inputs has a pair; allowed: two inputs"):
        mv.validate(claim(), NUMBERS[:3], batch_size=1)


INDICES = [
    None,
    3,
    ...,
    slice(1, None, 2),
    [0, 2],
    np.s_[:, 2],
    (0, [1, 2], ...),
    np.array([4, 5]),
    torch.tensor([6]),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_variables_come_back_from_a_spec(tmp_path: Path, index: Any) -> None:
    part = mv.Part("some", output="hidden", index=index)
    before = claim(variables=[BIT, mv.Variable("parse", part, mv.Part("other", output=1))])
    mv.save_interpretation(before, tmp_path)
    after = mv.load_interpretation(tmp_path, before.concrete, PARTS)
    assert after.variables[0] == BIT
    assert (after.variables[1].carrier.output, after.variables[1].value.output) == (1, "hidden")
    if index is not None:
        grid = torch.arange(64).reshape(8, 8) if isinstance(index, tuple) else torch.arange(8)
        assert grid[after.variables[1].value.index].equal(grid[index])


def test_a_reloaded_claim_gives_the_same_partial_cells(
    result: mv.ValidationResult, tmp_path: Path
) -> None:
    mv.save_interpretation(claim(), tmp_path)
    again = mv.load_interpretation(tmp_path, claim().concrete, PARTS)
    found = mv.validate(again, NUMBERS, domain_size=toy.N)
    assert found.partial_cells == result.partial_cells


def test_a_place_that_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    place = mv.Part("odd", index=lambda n: n)
    with pytest.raises(MechvalError, match=r"variable 'bit': odd.* cannot be saved with index=<"):
        mv.save_interpretation(claim(variables=[replace(BIT, carrier=place)]), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("index", ["all", {"slice": [1, 2]}, {"axes": [0], "x": 1}, 1.5])
def test_a_place_that_no_save_writes_is_refused(tmp_path: Path, index: Any) -> None:
    mv.save_interpretation(claim(), tmp_path)
    values = json.loads((tmp_path / SPEC).read_text())
    values["variables"][0]["carrier"]["index"] = index
    (tmp_path / SPEC).write_text(json.dumps(values))
    with pytest.raises(MechvalError, match="variable part 'second entry' has the index"):
        mv.load_interpretation(tmp_path, claim().concrete, PARTS)


ALONG = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
"""What two digits are written along."""


def rotated(directions: Tensor = ALONG) -> mv.Interpretation:
    """Two digits in rotated coordinates: no entry carries one."""

    def write(digits: Tensor) -> Tensor:
        return digits.float() @ ALONG

    def read(state: Tensor) -> Tensor:
        return (state @ ALONG.inverse()).round().long()

    def number(digits: Tensor) -> Tensor:
        return digits @ torch.tensor([10, 1])

    readers = directions.inverse()
    return mv.Interpretation(
        name="rotated",
        components=("write", "tell"),
        concrete=(write, lambda state: number(read(state))),
        abstract=(mv.identity, number),
        alphas=(mv.identity, read, mv.identity),
        gammas=(mv.identity, write, mv.identity),
        equivalences=(mv.exact_labels, mv.Equivalence("digits", mv.n_differing), mv.exact_labels),
        variables=[
            mv.Variable(
                "write",
                mv.Part(f"digit {at}", index=at),
                mv.Subspace(f"axis {at}", directions=directions[[at]], readers=readers[:, [at]]),
            )
            for at in range(2)
        ],
    )


DIGITS = torch.cartesian_prod(torch.arange(5), torch.arange(5))


def test_directions_can_carry_what_no_entry_does() -> None:
    (cells,) = mv.validate(rotated(), DIGITS, domain_size=25).partial_cells
    assert {row.disagreements for row in cells.all_rows} == {0}
    with pytest.raises(MechvalError, match="'digit 0': axis 0 cannot be saved, as it is a Subsp"):
        describe_variable(rotated().variables[0])


def test_directions_that_are_not_those_of_the_writer_are_refused() -> None:
    with pytest.raises(MechvalError, match="writes more than 'axis 0' when that variable alone"):
        mv.validate(rotated(torch.eye(2)), DIGITS, domain_size=25)


def test_several_variables_of_one_component_are_pooled() -> None:
    made = replace(interpret(Reverser()), variables=[symbol(0), symbol(1)])
    rows = told(mv.validate(made, INPUTS, domain_size=81))
    pooled, single = rows[GAMMA, "all variables"], rows[GAMMA, "symbol 1"]
    assert (pooled["n"], pooled["no_op_rate"]) == (2 * single["n"], 1)
