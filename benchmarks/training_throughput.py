"""Compare our training loop with a plain PyTorch loop of the same model, batch and optimizer.

Run ``python benchmarks/training_throughput.py``; it prints one JSON object. Both loops train on
the same random formulas by the recipe of the ``cpu`` preset (or ``--preset paper``), in turns, on
the CPU (or ``--device cuda``). Ours is the Lightning run with its evaluations, checkpoints,
learning curve and progress bar (unless ``MECHVAL_QUIET=1``); the plain loop runs the whole network
at every position, in the same precision. Target: ratio 1.2. On CUDA the useful products of our
loop are also stated as a share of what one large bf16 product reaches there.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from mechval.progress import is_quiet
from mechval.training.optimizers import make_optimizer
from mechval.training.recipe import Recipe
from mechval.training.resumable_fit import training_dtype
from mechval.transformer import Architecture, Transformer, answer_logits
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.training import (
    TrainingRun,
    labelled_inputs,
    train_network,
    untrained_network,
)
from mechval.two_sat.problem import Problem

_PROBLEM = Problem(n_variables=5, n_clauses=10)
_SETTINGS = Path(__file__).resolve().parents[1] / "conf/settings/two_sat"
_FORMULAS = 200_000
_SEED = 0
_SIDE = 8192
_PRODUCTS = 10


def main() -> None:
    """Time both loops in turns and compare the medians."""
    arguments = _arguments()
    recipe, architecture = _preset(arguments)
    device = torch.device(arguments.device)
    split = _random_formulas(_FORMULAS)
    ours, plain = [], []
    for _ in range(arguments.rounds):
        ours.append(_formulas_per_second(_train_ours, architecture, recipe, split, device))
        plain.append(_formulas_per_second(_train_plainly, architecture, recipe, split, device))
    measured = {
        "ours_formulas_per_second": [round(rate) for rate in ours],
        "plain_formulas_per_second": [round(rate) for rate in plain],
        "ratio": round(statistics.median(ours) / statistics.median(plain), 3),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "share_of_bf16_product": _share(architecture, statistics.median(ours), device),
        "preset": arguments.preset,
        "steps": recipe.n_steps,
        "batch_size": recipe.batch_size,
        "precision": str(training_dtype(recipe, device)),
        "progress_bar": not is_quiet(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=125, help="optimizer steps per round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each loop")
    parser.add_argument(
        "--batch-size", type=int, help="formulas per step; the preset's if not given"
    )
    parser.add_argument("--preset", default="cpu", choices=["cpu", "paper"])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    return parser.parse_args()


def _preset(arguments: argparse.Namespace) -> tuple[Recipe, Architecture]:
    files = [_SETTINGS / f"{name}.yaml" for name in ("base", arguments.preset)]
    base, changes = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files)
    recipe = Recipe(**(base["training"] | changes.get("training", {})))
    batch_size = arguments.batch_size or recipe.batch_size
    return _shortened(recipe, arguments.steps, batch_size), Architecture(**base["architecture"])


def _share(architecture: Architecture, rate: float, device: torch.device) -> float | None:
    """Operations of our products per second, against those of one large bf16 product."""
    if device.type != "cuda":
        return None
    model = untrained_network(_PROBLEM, architecture, _SEED).to(device)
    formulas = torch.zeros(1, _PROBLEM.n_clauses, dtype=torch.uint8, device=device)
    with FlopCounterMode(display=False) as counter:
        answer_logits(model, encode_formulas(_PROBLEM, formulas), torch.float32).sum().backward()
    square = torch.randn(_SIDE, _SIDE, dtype=torch.bfloat16, device=device)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.matmul(square, square)
    start.record()
    for _ in range(_PRODUCTS):
        torch.matmul(square, square)
    end.record()
    torch.cuda.synchronize()
    peak = _PRODUCTS * 2 * _SIDE**3 / (start.elapsed_time(end) / 1000)
    return round(rate * counter.get_total_flops() / peak, 4)


def _shortened(recipe: Recipe, steps: int, batch_size: int) -> Recipe:
    """Evaluate once, on a share of formulas that keeps the preset's evaluations per step."""
    share = steps / recipe.evaluate_every_steps
    changes = {
        "examples": steps * batch_size,
        "batch_size": batch_size,
        "evaluate_every_steps": steps,
        "evaluation_examples": max(1, round(recipe.evaluation_examples * share)),
    }
    return recipe.model_copy(update=changes)


def _random_formulas(n_formulas: int) -> Split:
    rng = np.random.default_rng(_SEED)
    shape = (n_formulas, _PROBLEM.n_clauses)
    clause_ids = rng.integers(_PROBLEM.n_distinct_clauses, size=shape, dtype=np.uint8)
    return Split(clause_ids, rng.integers(2, size=n_formulas).astype(bool))


def _formulas_per_second(
    train: Callable[[Transformer, Recipe, Split, torch.device], None],
    architecture: Architecture,
    recipe: Recipe,
    split: Split,
    device: torch.device,
) -> float:
    model = untrained_network(_PROBLEM, architecture, _SEED)
    start = time.perf_counter()
    train(model, recipe, split, device)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return recipe.n_steps * recipe.batch_size / (time.perf_counter() - start)


def _train_ours(model: Transformer, recipe: Recipe, split: Split, device: torch.device) -> None:
    with tempfile.TemporaryDirectory() as directory:
        train_network(
            TrainingRun(model, _PROBLEM, recipe, split, split, _SEED, Path(directory), device)
        )


def _train_plainly(model: Transformer, recipe: Recipe, split: Split, device: torch.device) -> None:
    data = labelled_inputs(_PROBLEM, split).to(device)
    model.to(device)
    optimizer = make_optimizer(model, recipe)
    dtype = training_dtype(recipe, device)
    for _ in range(recipe.n_steps):
        rows = torch.randint(len(data), (recipe.batch_size,), device=device)
        tokens = encode_formulas(_PROBLEM, data.inputs[rows])
        with torch.autocast(device.type, dtype, enabled=dtype == torch.bfloat16):
            logits = model(tokens)[:, -1]
        loss = functional.cross_entropy(logits.float(), data.answers[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
