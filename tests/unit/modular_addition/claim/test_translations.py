import pytest
import torch

from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.claim.translations import (
    fit_affine,
    fit_ridge,
    pseudo_inverse,
)
from mechval.modular_addition.problem import ModularAddition
from tests.waves import Subject, wave_network

P, D_MODEL = 23, 32
TABLE = waves(P, torch.tensor([2, 5, 9]))
EVERYTHING = torch.arange(P)


def random_embedding(d_model: int = D_MODEL) -> torch.Tensor:
    return torch.randn(P, d_model, generator=torch.Generator().manual_seed(0))


def test_an_affine_map_is_found_again() -> None:
    points = random_embedding(4)
    weight = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5], [1.0, 1.0]], dtype=torch.float64)
    targets = points.double() @ weight + torch.tensor([7.0, -2.0])
    fitted = fit_affine(points, targets)
    assert fitted.weight.allclose(weight)
    assert fitted(points).allclose(targets)


def test_regression_on_more_features_than_points_reproduces_a_random_embedding() -> None:
    read = fit_affine(random_embedding(), TABLE.flatten(1))
    error = (read(random_embedding()) - TABLE.flatten(1)).abs().max()
    assert read.is_vacuous
    assert (read.n_points, read.n_features) == (23, 32)
    assert float(error) < 1e-12


def test_half_of_the_numbers_say_nothing_about_the_others_there() -> None:
    half, others = EVERYTHING[: P // 2], EVERYTHING[P // 2 :]
    read = fit_affine(random_embedding()[half], TABLE[half].flatten(1))
    error = read(random_embedding()[others]) - TABLE[others].flatten(1)
    assert float(error.square().mean()) > 0.3


def test_the_pseudo_inverse_fails_on_a_random_embedding() -> None:
    read = pseudo_inverse(fit_affine(TABLE.flatten(1), random_embedding()))
    error = read(random_embedding()) - TABLE.flatten(1)
    assert not read.is_vacuous
    assert float(error.square().mean()) > 0.1


def test_the_pseudo_inverse_undoes_what_can_be_written() -> None:
    write = fit_affine(TABLE.flatten(1), random_embedding())
    read = pseudo_inverse(write)
    assert read(write(TABLE.flatten(1))).allclose(TABLE.flatten(1))


@pytest.mark.parametrize(("points", "vacuous"), [(5, True), (6, False)])
def test_vacuity_follows_from_the_sizes(points: int, vacuous: bool) -> None:
    fitted = fit_affine(random_embedding(4)[:points], TABLE[:points].flatten(1))
    assert fitted.is_vacuous == vacuous


def test_states_go_through_gamma_and_back() -> None:
    problem = ModularAddition(p=P)
    translations = Subject.of(problem, wave_network(problem, (2, 5, 9)), (2, 5, 9)).translations
    numbers = TABLE[problem.all_pairs()]
    embedded = translations.gamma_1(numbers)
    assert embedded.shape == (529, 3, translations.equals.shape[0])
    assert embedded[:, -1].equal(translations.equals.expand(529, -1))
    assert translations.alpha_1(embedded, "pseudo_inverse").allclose(numbers, atol=1e-6)
    state = translations.gamma_2(TABLE)
    # The state says what γ_2 puts into the residual stream: one and the same train mean.
    assert state.resid_mid.equal(translations.mean_resid_mid.expand(P, -1))


def noisy(n_points: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Many features of which two are the targets, and noise as large as they."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n_points, 40, generator=generator)
    return features, features[:, :2] + torch.randn(n_points, 2, generator=generator)


def test_a_penalty_reads_unseen_points_better_where_there_are_few() -> None:
    few, unseen = noisy(50, 0), noisy(1000, 1)
    errors = [
        float((fit(*few)(unseen[0]) - unseen[1]).square().mean()) for fit in (fit_affine, fit_ridge)
    ]
    assert errors[1] < errors[0] / 2


def test_a_penalty_does_not_hide_that_there_is_nothing_to_read() -> None:
    features, target = noisy(50, 0)
    read = fit_ridge(features, target.roll(1, dims=0))
    assert float(read(features).var()) < float(target.var()) / 10


def test_the_papers_sum_reader_is_plain_regression_the_claims_a_ridge() -> None:
    problem = ModularAddition(p=P)
    subject = Subject.of(problem, wave_network(problem, (2, 5, 9)), (2, 5, 9))
    translations = subject.translations
    hidden = subject.activations.hidden[subject.split.train]
    answers = problem.answers(problem.pairs(subject.split.train))
    for reading, fit in {"all_tokens": fit_affine, "pseudo_inverse": fit_ridge}.items():
        fitted = fit(hidden, TABLE[answers].flatten(1))
        assert translations.sum_readers[reading].weight.equal(fitted.weight)
