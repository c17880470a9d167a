import pytest
import torch

from mechval.modular_addition.circuit.fourier import all_frequencies, wave_power, waves
from mechval.modular_addition.circuit.key_frequencies import find_key_frequencies

P = 31


def random_embedding(seed: int, d_model: int = 64) -> torch.Tensor:
    return torch.randn(P, d_model, generator=torch.Generator().manual_seed(seed))


def embedding_of(frequencies: list[int], noise: float) -> torch.Tensor:
    table = waves(P, torch.tensor(frequencies)).flatten(1).float()
    directions = torch.randn(table.shape[1], 64, generator=torch.Generator().manual_seed(1))
    return table @ directions + noise * random_embedding(2)


def found_in(embedding: torch.Tensor, smallest_gap: float = 2.0) -> list[int]:
    frequencies = all_frequencies(len(embedding))
    power = wave_power(embedding, frequencies).sum(dim=1)
    shares = power / power.sum().clamp_min(1e-300)
    return find_key_frequencies(shares, frequencies, smallest_gap).frequencies.tolist()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_key_frequencies_are_found_at_any_scale(scale: float) -> None:
    assert found_in(scale * embedding_of([2, 5, 11], noise=0.2)) == [2, 5, 11]


@pytest.mark.parametrize("seed", range(20))
def test_a_random_embedding_has_no_key_frequency(seed: int) -> None:
    assert found_in(random_embedding(seed)) == []


def test_an_embedding_of_zeros_has_no_key_frequency() -> None:
    assert found_in(torch.zeros(P, 8)) == []


def test_a_wider_gap_may_be_asked_for() -> None:
    embedding = embedding_of([2, 5, 11], noise=0.2)
    assert found_in(embedding, smallest_gap=1e6) == []


def test_the_gap_and_the_share_are_told() -> None:
    shares = torch.tensor([1.0, 90.0, 3.0, 100.0, 1.0, 5.0], dtype=torch.float64) / 200
    found = find_key_frequencies(shares, torch.arange(1, 7), 2.0)
    assert found.frequencies.tolist() == [2, 4]
    assert found.gap == pytest.approx(18)
    assert found.share == pytest.approx(0.95)


def test_shares_that_stand_out_of_little_are_not_chosen() -> None:
    shares = torch.tensor([0.2, 0.2, 0.001, 0.001, 0.001, 0.001], dtype=torch.float64)
    assert len(find_key_frequencies(shares, torch.arange(1, 7), 2.0).frequencies) == 0
    assert len(find_key_frequencies(1.5 * shares, torch.arange(1, 7), 2.0).frequencies) == 2
