"""All that a GPU is asked for, up to the device itself, which the CPU stands in for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mechval.pipeline import RunOptions, Workspace, run_stages
from mechval.training.resumable_fit import training_dtype
from mechval.transformer.weights import named_weights
from mechval.two_sat.certify.counting import chunks, enumeration
from mechval.two_sat.consolidate.network import Run, consolidate
from mechval.two_sat.study import STUDY
from tests.cards import CUDA, Card, cuda_on_the_cpu
from tests.networks import CPU
from tests.unit.two_sat.certify.counting.test_enumeration import PROBLEM, circuit, network
from tests.unit.two_sat.consolidate.test_training import CONFIG, trained_run
from tests.unit.two_sat.stages.test_stages import recipe, settings

pytestmark = pytest.mark.slow


def asked(card: Card) -> list[tuple[str, int, Any]]:
    names = ("accelerator", "devices", "deterministic")
    return [tuple(trainer[name] for name in names) for trainer in card.trainers]


def test_training_with_finishing_runs_on_the_device(tmp_path: Path) -> None:
    files = {}
    for device in ("cpu", "cuda"):
        workspace = Workspace(tmp_path / device)
        with cuda_on_the_cpu() as card:
            options = RunOptions("tiny", 0, device=device)
            run_stages(STUDY, settings(), ["data", "train"], workspace, options)
        folder = workspace.stage("two_sat", "tiny", "train").directory
        files[device] = {
            name: (folder / name).read_bytes()
            for name in ("weights.safetensors", "learning_curve.csv", "metrics.json")
        }
    assert asked(card) == [("gpu", 1, True)] * 2
    assert card.n_calls > 0
    assert files["cuda"] == files["cpu"]


@pytest.mark.parametrize(("device", "dtype"), [(CUDA, torch.bfloat16), (CPU, None)])
def test_the_card_multiplies_in_bfloat16_where_it_can(
    device: torch.device, dtype: torch.dtype | None
) -> None:
    auto = recipe(4).model_copy(update={"precision": "auto"})
    on_cpu = training_dtype(auto, CPU)
    with cuda_on_the_cpu():
        assert training_dtype(auto, device) == (dtype or on_cpu)


def test_consolidation_runs_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Run.generator

    def on_cpu(run: Run, number: int, device: torch.device | None = None) -> torch.Generator:
        # Of the device's own there is none without it.
        return generator(run, number, CPU)

    monkeypatch.setattr(Run, "generator", on_cpu)
    weights = []
    with cuda_on_the_cpu() as card:
        for device in (CPU, CUDA):
            run = replace(trained_run(tmp_path / device.type), device=device)
            consolidate(run, CONFIG)
            weights.append(named_weights(run.model))
    assert asked(card)[-1] == ("gpu", 1, "warn")
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def test_multisets_are_counted_on_the_device_a_chunk_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_a_time: list[int] = []
    run: Callable[..., Any] = chunks.count_chunks

    def running(problem: Any, file: Any, count: Any, n_threads: int, title: str) -> Any:
        at_a_time.append(n_threads)

        def counting(prefix: chunks.Prefix) -> Any:
            # In a thread of its own, which would have no card.
            with cuda_on_the_cpu():
                return count(prefix)

        return run(problem, file, counting if n_threads == 1 else count, n_threads, title)

    monkeypatch.setattr(chunks, "count_chunks", running)
    found = []
    with cuda_on_the_cpu():
        for device in (CPU, CUDA):
            scratch = tmp_path / device.type
            scratch.mkdir()
            made = network(0), PROBLEM, circuit(0)
            found.append(
                enumeration.enumerate_multisets(*made, scratch=scratch, n_threads=2, device=device)
            )
    assert at_a_time == [2, 1]
    on_cpu, on_card = ([chunk.digest() for chunk in each.chunks] for each in found)
    assert on_card == on_cpu
