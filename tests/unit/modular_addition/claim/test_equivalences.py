import math

import torch

from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.claim.downstream_equivalence import same_downstream
from mechval.modular_addition.claim.equivalences import (
    compared_waves,
    nearest_angles,
)

P = 23
TABLE = waves(P, torch.tensor([2, 5]))


def test_rounded_states_that_agree_are_equal() -> None:
    # D5: the authors' rounded state has no equality, so theirs never agrees.
    assert compared_waves(1, 4).distance(TABLE, TABLE + 1e-9).sum() < P
    assert compared_waves(1, 4).distance(TABLE, TABLE.clone()).tolist() == [0] * P


def test_rounding_counts_the_waves_that_differ() -> None:
    moved = TABLE.clone()
    moved[3, 1, 0] += 0.2
    moved[7] += 0.2
    distance = compared_waves(1, 4).distance(moved, TABLE)
    assert distance[3] == 1
    assert distance[7] == 4
    assert int(distance.sum()) == 5


def test_fewer_decimals_forgive_more() -> None:
    near = TABLE + 1e-3
    counts = [int(compared_waves(d, 4).distance(near, TABLE).sum()) for d in (0, 1, 2, 3, 4)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == 4 * P


def test_unrounded_states_differ_by_one_unit_in_the_last_place() -> None:
    nudged = torch.nextafter(TABLE, torch.full_like(TABLE, 2.0))
    assert compared_waves(None, 4).distance(nudged, TABLE).tolist() == [4] * P
    assert compared_waves(None, 4).distance(TABLE.clone(), TABLE).tolist() == [0] * P


def test_angles_ignore_length_and_see_the_next_angle() -> None:
    equivalence = nearest_angles(P, 2)
    assert equivalence.distance(0.3 * TABLE, TABLE).tolist() == [0] * P
    assert equivalence.distance(TABLE.roll(1, dims=0), TABLE).tolist() == [2] * P
    turn = 0.4 * 2 * math.pi / P
    turned = torch.stack(
        [
            TABLE[..., 0] * math.cos(turn) - TABLE[..., 1] * math.sin(turn),
            TABLE[..., 0] * math.sin(turn) + TABLE[..., 1] * math.cos(turn),
        ],
        dim=-1,
    )
    assert equivalence.distance(turned, TABLE).tolist() == [0] * P


def test_downstream_needs_both_the_network_and_the_program_to_agree() -> None:
    def sign(state: torch.Tensor) -> torch.Tensor:
        return (state[:, 0] > 0).long()

    def half(state: torch.Tensor) -> torch.Tensor:
        return (state[:, 0] > 0.5).long()

    equivalence = same_downstream(lambda state: state, sign, half)
    first = torch.tensor([[0.1, 0], [0.1, 0], [-1.0, 0], [0.9, 0]], dtype=torch.float64)
    second = torch.tensor([[0.2, 0], [0.9, 0], [1.0, 0], [0.8, 0]], dtype=torch.float64)
    assert equivalence.distance(first, second).tolist() == [0, 1, 2, 0]


def test_every_equivalence_has_its_own_name() -> None:
    names = [
        compared_waves(None, 1).name,
        compared_waves(1, 1).name,
        compared_waves(2, 1).name,
        nearest_angles(P, 1).name,
        same_downstream(torch.neg, torch.neg, torch.neg).name,
    ]
    assert len(set(names)) == len(names)
