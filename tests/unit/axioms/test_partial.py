"""Partial cells on planted faults whose rates are known in closed form."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechval import axioms as mv
from mechval.axioms import partial
from mechval.axioms.partial import PartialCell
from mechval.errors import MechvalError
from mechval.instruments.organism import Organism
from mechval.instruments.toys import make_toys

TOYS = {toy.name: toy for toy in make_toys()}
FAULTS = [name for name, toy in TOYS.items() if not toy.is_sound]


def measure(toy: Organism) -> mv.PartialCells:
    return mv.evaluate_partial_cells(
        replace(toy.claim, variables=toy.variables),
        toy.inputs,
        domains=toy.domains,
        domain_size=toy.domain_size,
    )


def rates(toy: Organism) -> dict[PartialCell, float]:
    found = partial.replace_partially(
        toy.claim, toy.variables, toy.inputs, domains=toy.domains, domain_size=toy.domain_size
    )
    return {row.cell: row.rate for row in found}


def axiom_rates(toy: Organism) -> set[float]:
    report = mv.enumerate_axioms(toy.claim, toy.inputs, domain_size=len(toy.inputs))
    return {cell.rate for cell in report.cells}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("E2", {0}),
        ("E3", {0, 1}),
        ("E4 (γ with x at its mean)", {0, 7 / 8}),
        ("E4 (γ rebuilds x)", {0}),
        ("E5", {0}),
        ("E6", {0}),
        ("illusion", {0}),
    ],
)
def test_the_axioms_alone_see_one_or_two_of_five(name: str, expected: set[float]) -> None:
    assert axiom_rates(TOYS[name]) == expected


@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("E2", PartialCell.JOINT, 0),
        ("E3", PartialCell.AS_WRITTEN, 1),
        ("E4 (γ rebuilds x)", PartialCell.JOINT, 7 / 8),
        ("E4 (γ rebuilds x)", PartialCell.CONSTANT, 7 / 8),
        ("E4 (γ rebuilds x)", PartialCell.MIXED, 0),
        ("E5", PartialCell.ALL, 1 / 3),
        ("E5", PartialCell.REACHED, 0),
        # one of the four subsets takes x alone, one y alone
        ("E6", PartialCell.MIXED, 7 / 8 / 2),
        ("illusion", PartialCell.JOINT, 0),
    ],
)
def test_a_cell_has_the_rate_that_its_fault_gives_it(
    name: str, cell: PartialCell, expected: float
) -> None:
    assert rates(TOYS[name])[cell] == expected


def test_independent_entries_break_what_always_agrees() -> None:
    """a is 0 on half of the bases, and two independent bits differ on half of the draws."""
    inputs = TOYS["E2"].inputs.repeat(4000, 1)
    toy = replace(TOYS["E2"], inputs=inputs[torch.randperm(len(inputs))], domain_size=None)
    assert rates(toy)[PartialCell.INDEPENDENT] == pytest.approx(1 / 4, abs=0.02)
    assert rates(TOYS["illusion"])[PartialCell.INDEPENDENT] > 0.5


def test_interchange_sees_what_is_read_elsewhere() -> None:
    (_, _, native, gamma) = measure(TOYS["E4 (γ with x at its mean)"]).interchanges.rows
    assert native.rate == gamma.rate == 1
    x_only, *_ = measure(TOYS["E6"]).interchanges.rows
    assert (x_only.variable, x_only.rate) == ("x", 1)


@pytest.mark.parametrize("name", ["E4 (γ rebuilds x)", "illusion"])
def test_a_writer_that_touches_more_than_its_variable_is_refused(name: str) -> None:
    with pytest.raises(MechvalError, match="writes more than 'carrier of"):
        measure(TOYS[name])


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_seen_by_axioms_or_partial_cells(name: str) -> None:
    assert max(axiom_rates(TOYS[name]) | set(rates(TOYS[name]).values())) > 0.2


@pytest.mark.parametrize("name", [name for name, toy in TOYS.items() if toy.is_sound])
def test_the_right_claim_passes_every_cell(name: str) -> None:
    found = measure(TOYS[name])
    assert {row.disagreements for row in (*found.rows, *found.interchanges.rows)} == {0}


def test_the_worst_of_several_draws_is_no_better_than_one() -> None:
    found = rates(TOYS["E4 (γ rebuilds x)"])
    assert found[PartialCell.WORST] == 1 > found[PartialCell.JOINT]


def test_cells_without_draws_are_exact_on_the_whole_domain() -> None:
    kinds = {row.cell: row.kind for row in measure(TOYS["E5"]).rows}
    drawn = {cell for cell, kind in kinds.items() if kind is mv.EvidenceKind.SAMPLED}
    assert drawn == {PartialCell.INDEPENDENT, PartialCell.WORST, PartialCell.CONSTANT}


def test_sampled_cells_are_bounded_on_fresh_pairs() -> None:
    toy = TOYS["E6"]
    drawn = toy.inputs[torch.randint(8, (2000,), generator=torch.Generator().manual_seed(0))]
    rows = partial.replace_partially(toy.claim, toy.variables, drawn)
    assert {row.n for row in rows} == {1000}
    assert all(row.epsilon > row.rate for row in rows)
    (mixed,) = (row for row in rows if row.cell is PartialCell.MIXED)
    assert mixed.epsilon > 7 / 16 > 2 * mixed.rate - mixed.epsilon


def test_the_cells_are_printed_and_saved(tmp_path: Path) -> None:
    found = measure(TOYS["E5"])
    assert "| mediate | domain-wide replaceability, all states | 1 | 3 | 0.333 | exact |" in (
        found.to_markdown().splitlines()
    )
    found.save(tmp_path)
    (_, row, *_) = partial.PARTIALS.read(tmp_path)
    assert (row.n, row.disagreements, row.described) == (3, 1, "m in {0, 1, 2}")
    assert str(found).count("native interchange") == 2


def test_a_partial_cut_keeps_what_passes_beside_it() -> None:
    """The claimed part is one of two copies, the answer their sum: nothing is unmapped in it."""

    class Sum(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.copies = torch.nn.Identity()

        def forward(self, number: torch.Tensor) -> torch.Tensor:
            return self.copies(number[:, None].repeat(1, 2)).sum(dim=1)

    numbers = torch.arange(8)
    network = mv.CutNetwork(
        Sum(), [mv.Cut("copies", index=slice(1))], example=numbers[:1], read_label=mv.identity
    )
    claim = mv.Interpretation(
        name="part",
        components=("copy", "add"),
        concrete=network.components,
        abstract=(mv.identity, lambda number: 2 * number),
        alphas=(mv.identity, lambda part: part[:, 0], mv.identity),
        gammas=(mv.identity, lambda number: number[:, None], mv.identity),
        equivalences=(mv.exact_labels,) * 3,
    )
    variable = mv.Variable("copy", mv.Part("number"), mv.Part("copy", index=0))
    found = partial.replace_partially(claim, [variable], numbers, domain_size=8)
    by_cell = {row.cell: row.rate for row in found}
    assert by_cell[PartialCell.JOINT] == by_cell[PartialCell.AS_WRITTEN] == 0
    assert by_cell[PartialCell.MIXED] == 7 / 8 / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variables": []}, "variables is empty; allowed: at least one"),
        ({"inputs": torch.arange(1)}, "inputs holds 1 samples; allowed: at least 2"),
        ({"domain_size": 9}, "inputs holds 8 of domain_size=9 inputs"),
        (
            {"domains": {"answer": TOYS["E5"].domains["mediate"]}},
            "domains has states behind 'answer'; allowed: behind",
        ),
        ({"confidence": 1.0}, "confidence=1.0 is not allowed"),
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict, message: str) -> None:
    toy = TOYS["E4 (γ rebuilds x)"]
    arguments = {"variables": toy.variables, "inputs": toy.inputs, **change}
    with pytest.raises(MechvalError, match=message):
        partial.replace_partially(toy.claim, **arguments)


def test_a_variable_behind_the_last_component_is_refused() -> None:
    toy = TOYS["E5"]
    wrong = [replace(toy.variables[0], component="answer")]
    with pytest.raises(MechvalError, match="stands behind 'answer'; allowed: one of mediate"):
        partial.replace_partially(toy.claim, wrong, toy.inputs)


def test_a_variable_without_writer_is_refused() -> None:
    toy = TOYS["E6"]
    mute = replace(toy.claim, gammas=(mv.identity, lambda both: both * 0, mv.identity))
    with pytest.raises(MechvalError, match="variable 'x' has no writer: γ_1 writes the same"):
        partial.replace_partially(mute, toy.variables, toy.inputs)
