import math

import pytest
import torch

from mechval.modular_addition.circuit.fourier import (
    all_frequencies,
    wave_power,
    waves,
)
from mechval.modular_addition.circuit.program_waves import Selection
from mechval.modular_addition.interpretation import WaveProgram

P = 31


@pytest.mark.parametrize("p", [5, 6, 31, 32])
def test_waves_and_the_constant_carry_a_whole_embedding(p: int) -> None:
    embedding = torch.randn(p, 9, generator=torch.Generator().manual_seed(0)).double()
    total = wave_power(embedding, all_frequencies(p)).sum()
    total += embedding.mean(dim=0).square().sum() * p
    if p % 2 == 0:
        alternating = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(p // 2)
        total += (alternating @ embedding).square().sum() / p
    assert total == pytest.approx(embedding.square().sum().item())


def test_waves_are_exact_for_large_multiples() -> None:
    table = waves(113, torch.tensor([56]))
    assert table[112, 0, 0].item() == pytest.approx(math.cos(2 * math.pi * 56 * 112 / 113))
    assert table.square().sum(dim=-1).allclose(torch.ones(113, 1, dtype=torch.float64))


def test_angles_add_up() -> None:
    program = WaveProgram.of(P, Selection.of([3, 7]))
    table = program.table
    a, b = torch.arange(P), (5 * torch.arange(P) + 2) % P
    numbers = torch.stack([table[a], table[b]], dim=1)
    assert program.add(numbers).allclose(table[(a + b) % P])
