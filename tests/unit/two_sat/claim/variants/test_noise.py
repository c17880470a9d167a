"""The noise: its rate, its choices, and that it depends on the formula and the seed alone."""

import pytest
import torch
from scipy.stats import binomtest, chisquare
from torch import Tensor

from mechval.axioms import identity
from mechval.errors import MechvalError
from mechval.two_sat.claim.variants.noise import NoisyParser, _mix, noise_replacements
from mechval.two_sat.configs import NOISE_KINDS, NoiseKind
from mechval.two_sat.formulas.truth_tables import literal_pair_truth
from mechval.two_sat.problem import Problem

PROBLEM = Problem(n_variables=5, n_clauses=10)
N_LITERALS = PROBLEM.n_literals


def formulas(n: int, seed: int = 0) -> Tensor:
    """Formulas as literal pairs; a parser that is the identity passes them on."""
    clauses = noise_replacements(PROBLEM, "clauses")
    generator = torch.Generator().manual_seed(seed)
    return clauses[torch.randint(len(clauses), (n, PROBLEM.n_clauses), generator=generator)]


def noisy(probability: float = 0.5, seed: int = 0, kind: NoiseKind = "pairs") -> NoisyParser:
    return NoisyParser(identity, noise_replacements(PROBLEM, kind), probability, seed)


def test_the_hash_gives_the_published_stream() -> None:
    # The first two outputs of SplitMix64 seeded with 0.
    seeds = torch.tensor([0, 0x9E3779B97F4A7C15 - 2**64])
    expected = [0xE220A8397B1DCDAF - 2**64, 0x6E789E6AA1B965F4]
    assert _mix(seeds).tolist() == expected


def test_a_formula_gets_the_same_noise_in_any_batch() -> None:
    pairs = formulas(200)
    together = noisy().program(pairs)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    assert noisy().program(pairs[order]).equal(together[order])
    assert torch.cat([noisy().program(part) for part in pairs.split(7)]).equal(together)


def test_another_seed_gives_other_noise() -> None:
    pairs = formulas(200)
    assert not noisy(seed=1).program(pairs).equal(noisy(seed=0).program(pairs))


def test_another_order_of_the_same_clauses_gives_other_noise() -> None:
    pairs = formulas(200)
    first, second = (noisy().program(made) != made for made in (pairs, pairs.flip(1)))
    assert not first.equal(second.flip(1))


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_nothing_is_replaced_at_probability_0(kind: NoiseKind) -> None:
    pairs = formulas(100)
    assert noisy(0.0, kind=kind).program(pairs).equal(pairs)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_every_clause_is_drawn_evenly_at_probability_1(kind: NoiseKind) -> None:
    drawn = noisy(1.0, kind=kind).program(formulas(4_000)).flatten()
    replacements = noise_replacements(PROBLEM, kind)
    counts = drawn.bincount(minlength=N_LITERALS**2)
    assert int(counts[replacements].sum()) == len(drawn)
    assert chisquare(counts[replacements].numpy()).pvalue > 1e-3


def test_clauses_are_replaced_as_often_as_asked() -> None:
    pairs = formulas(20_000)
    changed = int((noisy(0.01).program(pairs) != pairs).sum())
    # One draw in a hundred is the clause that was there.
    assert binomtest(changed, pairs.numel(), 0.01 * 0.99).pvalue > 1e-3


def test_positions_are_replaced_independently() -> None:
    changed = (noisy(0.5).program(formulas(4_000)) != formulas(4_000)).float()
    correlation = torch.corrcoef(changed.T) - torch.eye(PROBLEM.n_clauses)
    assert float(correlation.abs().max()) < 5 / 4_000**0.5


def test_there_are_all_ordered_pairs_or_all_clauses() -> None:
    sizes = [len(noise_replacements(PROBLEM, kind)) for kind in NOISE_KINDS]
    assert sizes == [100, 40]


def test_a_degenerate_pair_has_the_truth_table_of_its_literals() -> None:
    truth = literal_pair_truth(PROBLEM)
    for variable in range(PROBLEM.n_variables):
        negation = variable + PROBLEM.n_variables
        is_true = torch.arange(PROBLEM.n_assignments) >> variable & 1 == 1
        assert truth[variable * N_LITERALS + variable].equal(is_true)
        assert truth[negation * N_LITERALS + negation].equal(~is_true)
        assert bool(truth[variable * N_LITERALS + negation].all())


@pytest.mark.parametrize(
    ("probability", "seed", "named"), [(1.5, 0, "probability=1.5"), (0.1, -1, "seed=-1")]
)
def test_wrong_noise_is_refused(probability: float, seed: int, named: str) -> None:
    with pytest.raises(MechvalError, match=named):
        noisy(probability, seed)
