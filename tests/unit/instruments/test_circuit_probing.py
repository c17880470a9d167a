"""Circuit probing on a network of two numbers, one unit each: every value is known."""

from dataclasses import replace
from math import exp, log

import pytest
import torch
from torch import Tensor

from mechval.axioms import Equivalence, Interpretation, Part, Variable, exact_labels, identity
from mechval.axioms.base import n_differing
from mechval.errors import MechvalError
from mechval.instruments.circuit_probing import (
    ProbedRow,
    find_units,
    neighbour_loss,
    probe_circuits,
    read_partition,
)
from mechval.instruments.columns import PROBING, read_circuits
from mechval.instruments.organism import Organism, Searched

INPUTS = torch.cartesian_prod(torch.arange(2), torch.arange(2))


def answer(numbers: Tensor) -> Tensor:
    return 2 * numbers[:, 0] + numbers[:, 1]


def organism(of_state: Tensor, held: Tensor) -> Organism:
    """The network holds (a, b) times a matrix; the program's two numbers are (a, b) times another,
    modulo 2, and both answer 2a + b. The first is searched."""
    back = torch.linalg.inv(of_state)
    undone = torch.linalg.inv(held.float()).round().long()
    variable = Variable("hold", Part("first", index=0), Part("unit", index=0))
    return Organism(
        name="toy",
        told="",
        is_sound=True,
        claim=Interpretation(
            name="toy",
            components=("hold", "answer"),
            concrete=(
                lambda x: (2.0 * x - 1) @ of_state,
                lambda z: answer((z @ back > 0).long()),
            ),
            abstract=(lambda x: x @ held % 2, lambda a: answer(a @ undone % 2)),
            alphas=(identity, lambda z: (z @ back > 0).long() @ held % 2, identity),
            gammas=(identity, lambda a: (2.0 * (a @ undone % 2) - 1) @ of_state, identity),
            equivalences=(
                exact_labels,
                Equivalence("numbers", n_differing, n_parts=2),
                exact_labels,
            ),
        ),
        variables=[variable],
        inputs=INPUTS,
        domain_size=4,
        searched=[Searched(variable, Part("units"), rank=1)],
    )


IDENTITY = torch.eye(2)
SUM_AND_SECOND = torch.tensor([[1, 0], [1, 1]])
MIXED = torch.tensor([[1.0, 1.0], [1.0, -1.0]])


def only(found: Organism) -> ProbedRow:
    (row,) = probe_circuits(found)
    return row


def test_the_unit_that_holds_a_variable_is_found_and_decides() -> None:
    row = only(organism(IDENTITY, IDENTITY.long()))
    assert (row.kept, row.claimed, row.overlap) == (1, 1, 1)
    # all ordered pairs in which the first number differs
    assert (row.misread, row.n_read, row.wrong, row.n) == (0, 4, 0, 8)


def test_units_that_mix_two_variables_hold_none_of_them() -> None:
    row = only(organism(MIXED, IDENTITY.long()))
    assert row.misread + row.wrong > 0


def test_a_variable_that_is_in_no_unit_is_not_found() -> None:
    """The sum modulo 2: no units part it, as it is no direction of the state."""
    found = organism(IDENTITY, SUM_AND_SECOND)
    assert only(found).misread > 0
    partition, _ = (read_circuits(found)[name] for name in PROBING)
    assert partition.is_detected


def test_both_columns_pass_a_true_claim() -> None:
    found = read_circuits(organism(IDENTITY, IDENTITY.long()))
    assert [found[name].is_detected for name in PROBING] == [False, False]


def test_units_found_at_zero_are_told_beside_others() -> None:
    """At zero the first number reads 0, which changes the answer where it was 1: four of the
    informative pairs; the other unit at zero changes it where the second was 1."""
    row = only(organism(IDENTITY, IDENTITY.long()))
    assert (row.zeroed, row.others_zeroed) == (4, 4)


def test_noise_beside_the_unit_is_left_out() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.arange(400) % 2
    noise = torch.randn(400, 3, generator=generator)
    content = torch.cat([noise, 2.0 * values[:, None] - 1], dim=1)
    assert find_units(content, values).tolist() == [False, False, False, True]


def test_noise_alone_tells_nothing() -> None:
    generator = torch.Generator().manual_seed(2)
    values, content = torch.arange(400) % 2, torch.randn(400, 4, generator=generator)
    found = read_partition(content[:200], values[:200], content[200:], torch.ones(4).bool())
    assert 0.3 < (found == values[200:]).float().mean() < 0.7


def test_the_loss_is_that_of_the_formula() -> None:
    """Five of each: opposite directions by value, or the same for all."""
    values = torch.arange(10) % 2
    apart = (2.0 * values - 1)[:, None]
    assert neighbour_loss(apart, values).item() == pytest.approx(
        log((4 + 5 * exp(-2)) / 4), abs=1e-4
    )
    assert neighbour_loss(torch.ones(10, 1), values).item() == pytest.approx(log(9 / 4), abs=1e-4)


def test_what_cannot_be_probed_is_refused() -> None:
    found = organism(IDENTITY, IDENTITY.long())
    with pytest.raises(MechvalError, match="organism 'toy' has no variable to search for"):
        next(probe_circuits(replace(found, searched=())))
    with pytest.raises(MechvalError, match="one value in all inputs; allowed: two at least"):
        next(probe_circuits(replace(found, inputs=INPUTS[:2], domain_size=2)))
    idle = replace(found.claim, abstract=(found.claim.abstract[0], lambda a: 0 * a[:, 0]))
    with pytest.raises(MechvalError, match="has no informative pair"):
        next(probe_circuits(replace(found, claim=idle)))
    assert read_circuits(replace(found, searched=()))[PROBING[0]].refusal
