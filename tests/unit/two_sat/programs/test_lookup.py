"""Lookup tables, counted by hand."""

import numpy as np
import torch

from mechval.two_sat.programs.evaluate import TruthTableCounts, fit_lookup, truth_table_floor

TABLES = np.array([[0, 0], [0, 0], [0, 0], [0, 1], [0, 1], [1, 0]], dtype=bool)
BITS = torch.tensor([[1, 1], [1, 1], [0, 1], [1, 1], [0, 1], [0, 0]], dtype=torch.bool)


def test_the_lookup_table_gives_the_most_frequent_state() -> None:
    program = fit_lookup(TruthTableCounts.of(TABLES), BITS)
    seen = torch.tensor([[1, 0], [0, 0]], dtype=torch.bool)
    assert program.bits(seen).tolist() == [[False, False], [True, True]]


def test_ties_go_to_fewer_bits() -> None:
    program = fit_lookup(TruthTableCounts.of(TABLES), BITS)
    assert program.bits(torch.tensor([[False, True]])).tolist() == [[False, True]]


def test_a_truth_table_never_seen_has_no_bit_on() -> None:
    program = fit_lookup(TruthTableCounts.of(TABLES), BITS)
    assert program.bits(torch.tensor([[True, True]])).tolist() == [[False, False]]


def test_the_floor_counts_what_the_most_frequent_states_miss() -> None:
    assert truth_table_floor(TruthTableCounts.of(TABLES), BITS) == 2


def test_no_lookup_goes_below_the_floor_of_its_own_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    tables = (torch.rand(500, 4, generator=generator) < 0.5).numpy()
    bits = torch.rand(500, 11, generator=generator) < 0.1
    counts = TruthTableCounts.of(tables)
    found = fit_lookup(counts, bits).bits(torch.from_numpy(tables))
    assert int((found != bits).any(dim=1).sum()) == truth_table_floor(counts, bits)
