"""One call measures a claim beside everything that should do worse."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from experiments.bring_your_own import INPUTS, Reverser, interpret
from mechval import axioms as mv
from mechval.axioms import controls
from tests.unit.axioms import toy

NUMBERS = torch.arange(toy.N)
ABLATED = ["embed ablated", "attend ablated", "unembed ablated"]


@pytest.fixture(scope="module")
def reversal() -> mv.Controls:
    return mv.run_controls(interpret(Reverser()), INPUTS, batch_size=40)


def passing(found: mv.Controls) -> set[tuple[str, str]]:
    return {
        (cell.control, cell.name)
        for cell in found.cells
        if cell.passes and cell.control != controls.CLAIM
    }


def test_a_true_claim_does_better_than_every_control(reversal: mv.Controls) -> None:
    assert list(dict.fromkeys(cell.control for cell in reversal.cells)) == [
        controls.CLAIM,
        controls.SHUFFLED_PROGRAM,
        controls.RANDOM_GAMMA,
        controls.CONSTANT_GAMMA,
        controls.UNTRAINED,
        *ABLATED,
    ]
    assert passing(reversal) <= {
        (controls.UNTRAINED, name)
        for name in ("component equivalence/unembed", "component replaceability/attend")
    }
    for cell in reversal.cells:
        assert cell.n == len(INPUTS)
        assert (cell.disagreements == 0) == (cell.control == controls.CLAIM)


def test_a_network_without_parameters_has_no_untrained_one() -> None:
    model = Reverser()
    for name, parameter in list(model.named_parameters()):
        delattr(model, name)
        model.register_buffer(name, parameter.detach())
    found = mv.run_controls(interpret(model), INPUTS)
    assert controls.UNTRAINED not in {cell.control for cell in found.cells}
    assert "a Reverser without parameters" in str(found)


def test_a_cell_that_cannot_fail_is_marked() -> None:
    nothing = mv.Equivalence("nothing", lambda first, second: torch.zeros(len(first)))
    found = mv.run_controls(toy.with_map(toy.make_toy(), "equivalences", 1, nothing), NUMBERS)
    assert {
        (controls.SHUFFLED_PROGRAM, "prefix equivalence/parse"),
        ("parse ablated", "prefix equivalence/parse"),
    } == passing(found)


def test_a_network_that_ignores_its_state_is_passed_by_every_gamma() -> None:
    def ignore(state: Tensor) -> Tensor:
        return torch.ones_like(state[:, 1])

    claim = toy.with_map(toy.make_toy(), "concrete", 2, ignore)
    found = passing(mv.run_controls(claim, NUMBERS))
    for gamma in (controls.RANDOM_GAMMA, controls.CONSTANT_GAMMA):
        assert {cell for control, cell in found if control == gamma} == {
            "prefix replaceability/parse",
            "prefix replaceability/evaluate",
            "component replaceability/evaluate",
        }


def test_without_a_cut_network_it_is_told_that_none_is_untrained() -> None:
    found = mv.run_controls(toy.make_toy(), NUMBERS)
    assert controls.UNTRAINED not in {cell.control for cell in found.cells}
    assert "There is no untrained network" in str(found)


def test_the_untrained_network_leaves_the_trained_one_alone() -> None:
    model = Reverser()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mv.run_controls(interpret(model), INPUTS)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_an_ablation_leaves_the_cells_before_it_out(reversal: mv.Controls) -> None:
    named = {cell.name for cell in reversal.cells if cell.control == "attend ablated"}
    assert named == {
        "prefix equivalence/attend",
        "prefix equivalence/unembed",
        "component equivalence/attend",
        "prefix replaceability/attend",
        "component replaceability/attend",
    }


def test_at_a_partial_cut_the_rest_is_carried_in_every_control() -> None:
    claim = interpret(Reverser())
    network = mv.CutNetwork(
        Reverser(),
        [mv.Cut("hook_attn_out", index=slice(0, 2))],
        example=INPUTS[:1],
        read_label=lambda logits: logits[:, 0].argmax(-1),
    )
    partial = replace(
        claim,
        components=("first", "second"),
        concrete=network.components,
        abstract=(lambda tokens: tokens.flip(1)[:, :2], lambda symbols: symbols[:, 0]),
        alphas=(mv.identity, lambda part: part[..., :3].argmax(-1), mv.identity),
        gammas=(mv.identity, lambda symbols: torch.eye(7)[symbols], mv.identity),
        equivalences=(mv.exact_labels, mv.sequences(2), mv.exact_labels),
    )
    found = mv.run_controls(partial, INPUTS)
    rates = {(cell.control, cell.name): cell.rate for cell in found.cells}
    assert rates[controls.CLAIM, "prefix replaceability/first"] == 0
    assert 0.3 < rates[controls.CONSTANT_GAMMA, "prefix replaceability/first"] < 1
    assert passing(found) <= {(controls.UNTRAINED, cell.name) for cell in found.cells}


def test_the_table_has_a_row_for_each_cell(reversal: mv.Controls, tmp_path: Path) -> None:
    lines = str(reversal).splitlines()
    assert len([line for line in lines if line.startswith(("prefix", "component"))]) == 8
    assert reversal.to_markdown().count("\n| prefix equivalence") == 3
    assert reversal.to_latex().count("ablated &") == 2
    reversal.save(tmp_path)
    assert len(mv.CONTROLS.read(tmp_path)) == len(reversal.cells)
