"""Losses, roles and the pool; a run that is killed and resumed gives the same bytes."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.training import descent
from mechval.transformer import Transformer
from mechval.transformer.architecture import Architecture
from mechval.transformer.weights import named_weights
from mechval.two_sat.configs import ConsolidateConfig
from mechval.two_sat.consolidate import formulas, phases, roles, scratch
from mechval.two_sat.consolidate.curve import CURVE
from mechval.two_sat.consolidate.first_block import first_block
from mechval.two_sat.consolidate.network import Consolidated, Run, consolidate, estimate_seconds
from mechval.two_sat.consolidate.second_block import falsified_by, second_block
from mechval.two_sat.network.training import make_network
from mechval.two_sat.problem import Problem
from tests.networks import CPU, random_network
from tests.settings import DESCENT, TWO_SAT, changed

PROBLEM = Problem(n_variables=3, n_clauses=4)
STEPS = changed(DESCENT, steps=6, learning_rate=1e-3, warmup_steps=2, measure_every_steps=2)
CONFIG = ConsolidateConfig(
    start="weights",
    sharpen=STEPS,
    mechanism=STEPS,
    average=STEPS,
    scratch=STEPS,
    batch_size=16,
    hard_batch_size=16,
    pool_formulas=40,
    averaging=1.0,
    bounding=0.1,
)
SCRATCH = CONFIG.model_copy(update={"start": "scratch"})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trained_run(directory: Path, seed: int = 0) -> Run:
    return Run(random_network(PROBLEM, seed=seed), PROBLEM, 3, directory, CPU)


def equal_weights(first: Transformer, second: Transformer) -> bool:
    one, other = named_weights(first), named_weights(second)
    return all(one[name].equal(other[name]) for name in one)


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_at(monkeypatch: pytest.MonkeyPatch, n_calls: int) -> None:
    """End the process at this call of a loss."""
    calls = iter(range(1, n_calls))

    def mortal(phase: Any) -> None:
        call = phase.__call__

        def wrapped(*arguments: Any) -> Tensor:
            if next(calls, None) is None:
                raise KilledError
            return call(*arguments)

        monkeypatch.setattr(phase, "__call__", wrapped)

    for phase in (phases.SharpeningLoss, phases.MechanismLoss, scratch.ScratchLoss):
        mortal(phase)


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], tuple[Transformer, Consolidated]]:
    """The network that a run leaves that nothing interrupts, and what it says, by its start."""

    @cache
    def whole(start: str) -> tuple[Transformer, Consolidated]:
        run = trained_run(tmp_path_factory.mktemp(start))
        return run.model, consolidate(run, SCRATCH if start == "scratch" else CONFIG)

    return whole


@pytest.mark.parametrize(
    ("config", "killed_at"),
    [(CONFIG, 4), (CONFIG, 9), (CONFIG, 11), (CONFIG, 17), (SCRATCH, 4)],
    ids=["sharpen", "mechanism", "mechanism-later", "average", "scratch"],
)
def test_a_killed_run_resumes_at_the_exact_step(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: Callable[[str], tuple[Transformer, Consolidated]],
    config: ConsolidateConfig,
    killed_at: int,
) -> None:
    model, expected = uninterrupted(config.start)
    with monkeypatch.context() as patch:
        kill_at(patch, killed_at)
        with pytest.raises(KilledError):
            consolidate(trained_run(tmp_path / "killed"), config)
    again = trained_run(tmp_path / "killed")
    found = consolidate(again, config)
    assert equal_weights(model, again.model)
    assert found.curve == expected.curve
    assert found.result == expected.result


@pytest.mark.parametrize(("config", "n_steps"), [(CONFIG, 18), (SCRATCH, 6)])
def test_an_estimate_is_for_all_steps_and_leaves_the_network_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: ConsolidateConfig, n_steps: int
) -> None:
    monkeypatch.setattr(descent.time, "perf_counter", itertools.count(0.0).__next__)
    run = trained_run(tmp_path)
    before = copy.deepcopy(run.model)
    # A step takes one second by this clock.
    assert estimate_seconds(run, config) == n_steps
    assert equal_weights(run.model, before)


def test_a_run_has_a_row_of_every_measurement_and_a_table_of_them(tmp_path: Path) -> None:
    found = consolidate(trained_run(tmp_path), CONFIG)
    steps = [(row.phase, row.step) for row in found.curve]
    assert steps == [(name, step) for name in ("sharpen", "mechanism", "average")
                     for step in (2, 4, 6)]  # fmt: skip
    CURVE.write(found.curve, tmp_path)
    assert len(CURVE.read(tmp_path)) == len(steps)
    assert [row.pool_margin is None for row in found.curve] == [True] * 3 + [False] * 6


def test_another_seed_gives_another_network(tmp_path: Path) -> None:
    first = trained_run(tmp_path / "a")
    second = replace(trained_run(tmp_path / "b"), seed=4)
    consolidate(first, CONFIG)
    consolidate(second, CONFIG)
    assert not equal_weights(first.model, second.model)


def idle_neurons(model: Transformer, found: Consolidated) -> Tensor:
    lives = torch.zeros(model.block(1).mlp.W_in.shape[1], dtype=torch.bool)
    lives[found.roles.neurons] = True
    return ~lives


@pytest.mark.parametrize("config", [CONFIG, SCRATCH], ids=["weights", "scratch"])
def test_idle_neurons_are_zero_and_stay_zero(tmp_path: Path, config: ConsolidateConfig) -> None:
    run = trained_run(tmp_path)
    idle = idle_neurons(run.model, consolidate(run, config))
    mlp = run.model.block(1).mlp
    assert idle.any()
    assert not mlp.W_in[:, idle].any()
    assert not mlp.W_out[idle].any()
    assert not mlp.b_in[idle].any()


def test_fewer_live_neurons_than_assignments_are_refused() -> None:
    model = random_network(PROBLEM)
    with torch.no_grad():
        model.block(1).mlp.W_out[5:] = 0
    neurons = roles.prepare(model, PROBLEM)
    with pytest.raises(MechvalError, match=r"has \d live neurons in its last MLP; allowed: at l"):
        roles.assign_roles(model, PROBLEM, neurons, generator())


def test_too_narrow_an_mlp_is_refused_from_scratch() -> None:
    model = make_network(PROBLEM, Architecture(d_model=16, d_mlp=8, n_heads=(1, 2)))
    scratch.start_from_scratch(model, PROBLEM, generator())
    wide = Problem(n_variables=4, n_clauses=4)
    model = make_network(wide, Architecture(d_model=16, d_mlp=8, n_heads=(1, 2)))
    with pytest.raises(MechvalError, match=r"d_mlp=8 is not allowed with n_variables=4; .* 16,"):
        scratch.start_from_scratch(model, wide, generator())


def test_every_assignment_gets_a_neuron_and_levels_are_at_least_1() -> None:
    model = random_network(PROBLEM)
    found = roles.assign_roles(model, PROBLEM, roles.prepare(model, PROBLEM), generator())
    assert set(found.assignments.tolist()) == set(range(8))
    assert (found.levels >= 1).all()
    again = roles.roles_of(found.rows(), CPU)
    assert again.assignments.equal(found.assignments)


def test_a_neuron_gets_the_assignment_that_it_was_made_for() -> None:
    model, every = random_network(PROBLEM), torch.arange(8)
    found = roles.assign_roles(model, PROBLEM, every, generator())
    with torch.no_grad():
        mlp = model.block(1).mlp
        for tensor, axis in ((mlp.W_in, 1), (mlp.W_out, 0), (mlp.b_in, 0)):
            moved = tensor.index_select(axis, found.assignments.argsort())
            tensor.index_copy_(axis, every, moved)
    assert roles.assign_roles(model, PROBLEM, every, generator()).assignments.equal(every)


def test_balanced_formulas_are_half_satisfiable() -> None:
    problem = Problem(n_variables=3, n_clauses=8)
    drawn, satisfiable = formulas.balanced_formulas(problem, 64, generator())
    assert satisfiable.tolist() == [False] * 32 + [True] * 32
    assert formulas.is_satisfiable(problem, drawn).equal(satisfiable)


def test_skewed_formulas_break_their_assignment_with_at_most_one_clause() -> None:
    falsified = falsified_by(PROBLEM, torch.arange(8)).T[torch.arange(400) % 8]
    drawn = formulas.skewed_formulas(PROBLEM, falsified, generator())
    broken = falsified.gather(1, drawn).sum(dim=1)
    assert set(broken.tolist()) == {0, 1}
    assert max(len(set(row)) for row in drawn.tolist()) <= 4
    assert min(len(set(row)) for row in drawn.tolist()) == 1


def test_the_pool_becomes_harder_and_its_margins_are_the_neurons() -> None:
    model = random_network(PROBLEM)
    found = roles.assign_roles(model, PROBLEM, torch.arange(8), generator())
    block = second_block(model, first_block(model, PROBLEM), found.neurons)
    falsified = falsified_by(PROBLEM, found.assignments)
    pool = formulas.make_pool(PROBLEM, falsified, 200, generator())
    means = []
    for step in range(30):
        margins = pool.harden(PROBLEM, block, falsified, found.levels, generator(step))
        means.append(float(margins.mean()))
        every = phases.margins(block, falsified, found.levels, pool.clause_ids)
        own = every[torch.arange(200), pool.targets]
        assert torch.allclose(own, margins, atol=1e-4)
    assert means[-1] < means[0]
    assert pool.targets.bincount().tolist() == [25] * 8


@pytest.mark.slow
def test_from_scratch_a_small_network_reaches_its_bounds(tmp_path: Path) -> None:
    recipe = changed(DESCENT, steps=600, learning_rate=4e-3, measure_every_steps=600)
    model = make_network(PROBLEM, changed(TWO_SAT.architecture, d_mlp=256))
    config = SCRATCH.model_copy(update={"scratch": recipe})
    found = consolidate(Run(model, PROBLEM, 0, tmp_path, CPU), config).result
    assert found.accuracy == 1.0
    assert found.wrong_neurons == 0
    assert found.lower_bound is not None
    assert found.lower_bound > 0.5
    assert found.upper_bound is not None
    assert found.upper_bound < -0.5
    assert min(found.own_gap, found.colon_gap, found.unread_gap) > 10
