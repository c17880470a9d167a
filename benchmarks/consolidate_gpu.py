"""Consolidate trained networks and train others from scratch, on a GPU or a CPU; time both.

Run ``python benchmarks/consolidate_gpu.py OUT``; it writes one ``<name>.tar`` per network into
``OUT`` as soon as it is done: the weights after each phase, the learning curve, and a JSON object
with seconds, steps, formulas, device and the last measurement, which is also printed. Networks
that the time limit leaves no room for are skipped, in the order given. Target: all on one GPU
within 6 minutes. It needs torch, lightning, pydantic, jaxtyping, safetensors and scipy only.
"""

import argparse
import json
import sys
import tarfile
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mechval.training.recipe import Descent
from mechval.transformer import Transformer, save_weights
from mechval.transformer.architecture import Architecture
from mechval.transformer.foreign import load_foreign_checkpoint
from mechval.two_sat.configs import ConsolidateConfig
from mechval.two_sat.consolidate.curve import CURVE
from mechval.two_sat.consolidate.network import Consolidated, Run, consolidate
from mechval.two_sat.network.training import WEIGHTS, load_network, make_network
from mechval.two_sat.problem import Problem

PAPER = Problem(n_variables=5, n_clauses=10)
RUNS = ("reference", "authors", "cpu-3cc8e4a2-s1", "cpu-3cc8e4a2-s2")
SIZES = ((6, 12), (7, 16), (8, 20), (10, 30))


def main() -> None:
    """Work through the networks until the time is up."""
    arguments = _arguments()
    started = time.perf_counter()
    names = arguments.only or [*RUNS, *(f"scratch-{n}-{m}" for n, m in SIZES)]
    for name in names:
        if time.perf_counter() - started > arguments.seconds:
            _say(json.dumps({"name": name, "skipped": "no time left"}))
            continue
        try:
            _make(name, arguments)
        except Exception:
            # The other networks do not depend on this one.
            traceback.print_exc()


def _make(name: str, arguments: argparse.Namespace) -> None:
    device = torch.device(arguments.device)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / name
        made.mkdir()
        scratch, seconds = Path(temporary) / "scratch", {}

        def keep(phase: str, model: Transformer) -> None:
            save_weights(model, made / f"{phase}.safetensors")
            seconds[phase] = round(time.perf_counter() - started, 1)
            _say(f"{name}: {phase} after {seconds[phase]} s")

        problem, found = _train(name, arguments, scratch, device, keep)
        CURVE.write(found.curve, made)
        facts: dict[str, Any] = {
            "name": name,
            "n_variables": problem.n_variables,
            "n_clauses": problem.n_clauses,
            "n_formulas": float(problem.n_formulas),
            "seconds_until": seconds,
            "steps": {row.phase: row.step for row in found.curve},
            "device": _device_name(device),
            "torch": torch.__version__,
            "neurons": found.roles.neurons.tolist(),
            "assignments": found.roles.assignments.tolist(),
            "levels": [round(level, 4) for level in found.roles.levels.tolist()],
            "result": asdict(found.result),
        }
        (made / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
        arguments.out.mkdir(parents=True, exist_ok=True)
        whole = arguments.out / f"{name}.tar"
        with tarfile.open(f"{whole}.new", "w") as tar:
            tar.add(made, name)
        Path(f"{whole}.new").replace(whole)
        _say(json.dumps({key: facts[key] for key in ("name", "seconds_until", "result")}))


def _train(
    name: str, arguments: argparse.Namespace, scratch: Path, device: torch.device, keep: Any
) -> tuple[Problem, Consolidated]:
    config = ConsolidateConfig(
        start="scratch" if name.startswith("scratch-") else "weights",
        sharpen=_descent(arguments, 1500, 2e-3),
        mechanism=_descent(arguments, 3000, 1e-3),
        average=_descent(arguments, 2000, 1e-3),
        scratch=_descent(arguments, 2500, 4e-3),
        batch_size=256,
        hard_batch_size=1024,
        pool_formulas=16_384,
        averaging=1.0,
        bounding=0.1,
    )
    if config.start == "weights":
        problem, model = PAPER, _trained(name, arguments)
    else:
        n_variables, n_clauses = map(int, name.split("-")[1:3])
        problem = Problem(n_variables=n_variables, n_clauses=n_clauses)
        model = make_network(problem, Architecture(d_mlp=max(512, problem.n_assignments)))
    return problem, consolidate(Run(model, problem, arguments.seed, scratch, device, keep), config)


def _descent(arguments: argparse.Namespace, steps: int, rate: float) -> Descent:
    scaled = max(1, round(steps * arguments.share))
    return Descent(
        steps=scaled, learning_rate=rate, measure_every_steps=max(1, min(250, scaled // 2))
    )


def _trained(name: str, arguments: argparse.Namespace) -> Transformer:
    if name == "authors":
        model = make_network(PAPER, Architecture())
        load_foreign_checkpoint(model, arguments.authors)
        return model
    return load_network(PAPER, Architecture(), arguments.results / name / "train" / WEIGHTS)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="where the files go")
    parser.add_argument("--only", nargs="*", help=f"of {', '.join(RUNS)}, scratch-<n>-<m>")
    parser.add_argument("--results", type=Path, default=Path("results/two_sat"))
    parser.add_argument(
        "--authors", type=Path, default=Path("../shared/checkpoints/palumbo2025-2sat-epoch900.pth")
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=330, help="no network starts after this")
    parser.add_argument("--share", type=float, default=1.0, help="of every phase's steps")
    return parser.parse_args()


if __name__ == "__main__":
    main()
