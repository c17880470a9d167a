"""The parts that are named do bring the network's label back, and no others are needed."""

import torch
from torch import Tensor

from mechval.axioms.equations import cell_sides
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.single.responsible import smallest_set
from tests.networks import SMALL_PROBLEM
from tests.unit.two_sat.single.examples import findings, subject

WEIGHTS = torch.tensor([0.1, 3.0, -2.0, 1.5])


def added(offset: float):
    def margins(masks: Tensor) -> Tensor:
        return masks.float() @ WEIGHTS + offset

    return margins


def test_one_part_is_enough_where_one_reaches_the_label() -> None:
    assert smallest_set(added(-2), 4, label=1) == [1]


def test_parts_are_added_in_order_of_what_each_does() -> None:
    assert smallest_set(added(-4), 4, label=1) == [1, 3]
    assert smallest_set(added(1), 4, label=0) == [2]


def test_a_label_out_of_reach_has_no_responsible_parts() -> None:
    assert smallest_set(added(-9), 4, label=1) is None


def test_restoring_the_positions_that_are_named_restores_the_label() -> None:
    found = [
        finding
        for finding in findings()
        if (finding.axiom, finding.component) == ("prefix replaceability", "parse")
    ]
    assert found
    for finding in found:
        interpretation = subject().interpretations[finding.interpretation]
        cell = subject().cell_of(finding.interpretation, finding.axiom, finding.component)
        facts, _, disagrees = finding.observe(subject())
        tokens = encode_formulas(SMALL_PROBLEM, torch.from_numpy(finding.ids[None]))
        sides = cell_sides(interpretation, tokens, cell)
        mixed = interpretation.gammas[1](sides.abstract)
        for part in facts.responsible.removeprefix("positions restored: ").split(", "):
            position = int(part.split(" ")[0])
            mixed[:, position] = sides.concrete[1][:, position]
        assert disagrees
        assert interpretation.run_after(1, mixed).equal(sides.network)


def test_every_case_names_positions_or_neurons() -> None:
    for finding in findings():
        facts, _, _ = finding.observe(subject())
        words = ("position", "neuron")
        assert any(word in facts.responsible for word in words)
        assert any(letter.isdigit() for letter in facts.responsible) or (
            "residual stream" in facts.responsible
        )
