"""Which neurons evaluate and when they are on, by rules that know no scale and no ε."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from mechval.two_sat.circuit.neurons import (
    NeuronEffects,
    calibrated_levels,
    is_constant,
    neuron_effects,
    neuron_levels,
)
from mechval.two_sat.configs import ReadingName
from mechval.two_sat.formulas.tokens import Vocabulary
from tests import settings
from tests.networks import SMALL_PROBLEM, random_network

# Powers of two scale every rounding with them.
ACTIVATIONS = numpy_st.arrays(
    np.float32, st.integers(2, 60), elements=st.integers(0, 1000).map(lambda value: value / 8)
)
EFFECTS = numpy_st.arrays(
    np.float32, st.integers(1, 30), elements=st.integers(-1000, 1000).map(lambda value: value / 8)
)


def one_neuron(activations: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(activations)[:, None]


@given(ACTIVATIONS.filter(lambda values: (values < values.max() / 2).any() and values.any()))
def test_the_calibrated_cut_is_the_midpoint_of_the_mean_off_and_the_mean_on(
    activations: np.ndarray,
) -> None:
    cut = float(calibrated_levels(one_neuron(activations)).cut)
    off, on = activations[activations < cut], activations[activations >= cut]
    midpoint = (off.mean(dtype=np.float64) + on.mean(dtype=np.float64)) / 2
    assert cut == pytest.approx(midpoint, rel=1e-5)


@given(ACTIVATIONS.filter(lambda values: values.any()))
def test_the_calibrated_high_value_is_the_mean_activation_when_on(activations: np.ndarray) -> None:
    levels = calibrated_levels(one_neuron(activations))
    on = activations[activations >= float(levels.cut)]
    assert float(levels.high) == pytest.approx(on.mean(dtype=np.float64), rel=1e-5)


@given(activations=ACTIVATIONS, power=st.integers(-20, 20))
def test_calibrated_levels_scale_with_the_activations(activations: np.ndarray, power: int) -> None:
    scale = 2.0**power
    plain = calibrated_levels(one_neuron(activations))
    scaled = calibrated_levels(scale * one_neuron(activations))
    assert scaled.cut.equal(scale * plain.cut)
    assert scaled.high.equal(scale * plain.high)


@given(activations=ACTIVATIONS, seed=st.integers(0, 1000))
def test_calibrated_levels_do_not_depend_on_the_order_of_formulas(
    activations: np.ndarray, seed: int
) -> None:
    shuffled = np.random.default_rng(seed).permutation(activations)
    plain = calibrated_levels(one_neuron(activations))
    other = calibrated_levels(one_neuron(shuffled))
    assert other.cut.equal(plain.cut)


def test_two_clear_levels_are_cut_in_the_middle() -> None:
    hidden = torch.tensor([0.0, 0.0, 0.2, 0.2, 3.0, 5.0])[:, None]
    levels = calibrated_levels(hidden)
    assert float(levels.cut) == pytest.approx((0.1 + 4.0) / 2)


CONFIG = settings.TWO_SAT.circuit


def test_published_levels_are_the_papers_constants() -> None:
    levels = neuron_levels(torch.rand(5, 3), "paper", CONFIG)
    assert levels.cut.tolist() == [0.5] * 3
    assert levels.high.tolist() == [2.0] * 3


def test_levels_of_reading_paper_are_those_that_are_set() -> None:
    config = settings.changed(CONFIG, cut=0.25, high=1.5)
    levels = neuron_levels(torch.rand(5, 3), "paper", config)
    assert levels.cut.tolist() == [0.25] * 3
    assert levels.high.tolist() == [1.5] * 3


@pytest.mark.parametrize("reading", ["calibrated", "paper"])
def test_no_neurons_have_no_levels(reading: ReadingName) -> None:
    levels = neuron_levels(torch.zeros(5, 0), reading, CONFIG)
    assert (levels.cut.tolist(), levels.high.tolist()) == ([], [])


def effects_of(values: np.ndarray) -> NeuronEffects:
    return NeuronEffects(torch.from_numpy(values), torch.ones(len(values)))


@given(values=EFFECTS.filter(np.any), share=st.sampled_from([0.5, 0.9, 0.999]))
def test_the_carrying_neurons_have_the_share_and_no_smaller_set_has_it(
    values: np.ndarray, share: float
) -> None:
    effects = effects_of(values)
    chosen = effects.carrying(share)
    sizes = np.sort(np.abs(values.astype(np.float64)))[::-1]
    assert effects.effect.double()[chosen].sum() >= share * sizes.sum()
    assert sizes[: len(chosen) - 1].sum() < share * sizes.sum()


@given(values=EFFECTS.filter(np.any), power=st.integers(-20, 20))
def test_the_carrying_neurons_do_not_depend_on_the_scale(values: np.ndarray, power: int) -> None:
    scaled = (values * 2.0**power).astype(np.float32)
    assert effects_of(scaled).carrying().equal(effects_of(values).carrying())


def test_a_neuron_against_satisfiability_carries_but_does_not_evaluate() -> None:
    effects = effects_of(np.array([4.0, -3.0, 1e-6], dtype=np.float32))
    assert effects.carrying().tolist() == [0, 1]
    assert effects.evaluating("calibrated", CONFIG).tolist() == [0]


@pytest.mark.parametrize(("share", "chosen"), [(0.999, [0, 1]), (0.5, [0])])
def test_the_share_that_is_set_decides_how_many_neurons_are_looked_at(
    share: float, chosen: list[int]
) -> None:
    effects = effects_of(np.array([4.0, 3.0, 1e-6], dtype=np.float32))
    config = settings.changed(CONFIG, effect_share=share)
    assert effects.evaluating("calibrated", config).tolist() == chosen


def test_the_published_rule_asks_for_an_effect_above_a_tenth() -> None:
    effects = NeuronEffects(torch.tensor([0.05, 0.2, -5.0, 10.0]), torch.tensor([2.1, 0.4, 1, 0]))
    assert effects.evaluating("paper", CONFIG).tolist() == [0]
    assert effects.evaluating("paper", settings.changed(CONFIG, smallest_effect=0.06)).tolist() == [
        0,
        1,
    ]


def test_effects_are_the_largest_activation_times_the_weight_on_the_s_logit() -> None:
    model = random_network(SMALL_PROBLEM).double()
    hidden = torch.rand(7, 24, dtype=torch.float64)
    found = neuron_effects(model, SMALL_PROBLEM, hidden)
    token = Vocabulary(SMALL_PROBLEM).satisfiable
    with torch.no_grad():
        for neuron in range(24):
            alone = torch.zeros(24, dtype=torch.float64)
            alone[neuron] = hidden[:, neuron].max()
            moved = ((alone @ model.block(1).mlp.W_out) @ model.W_U)[token]
            assert float(found.effect[neuron]) == pytest.approx(abs(float(moved)))


def test_bits_that_never_change_are_constant() -> None:
    bits = torch.tensor([[True, False, True], [True, False, False]])
    assert is_constant(bits).tolist() == [True, True, False]
