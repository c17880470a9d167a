"""What a machine with one CUDA device does: one JSON of figures, and the log of every step.

``benchmarks/gpu.sh`` installs and runs it. Each step is a command of its own, so one that fails or
outlasts its limit costs only its own figures; the exit code is 1 if any did. With ``--only`` the
other steps' figures stay what ``gpu.json`` says. ``--device cpu --quick`` walks the same steps on
any machine, in two minutes; its numbers mean nothing. Training writes the run
``results/two_sat/gpu``, consolidation ``results/two_sat/gpu-proved``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

_ROOT = Path(__file__).resolve().parents[1]
_RUNS = _ROOT / "results/two_sat"
_FEW_STEPS = tuple(f"consolidate.{phase}.steps=2" for phase in ("sharpen", "mechanism", "average"))


@dataclass(frozen=True)
class Step:
    """Arguments of Python, a limit in seconds, the file of figures if it is not the output."""

    name: str
    arguments: tuple[str, ...]
    limit: int
    figures: Path | None = None


def main() -> None:
    """Run all steps; write ``gpu.json`` and ``gpu.log`` into the folder."""
    arguments = _arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    file = arguments.folder / "gpu.json"
    measured: dict[str, Any] = {}
    if arguments.only and file.exists():
        measured = json.loads(file.read_text("utf-8"))
    measured["machine"] = _machine(arguments.device)
    with (arguments.folder / "gpu.log").open("w", encoding="utf-8") as log:
        for step in _steps(arguments.device, arguments.quick):
            if arguments.only and step.name not in arguments.only:
                continue
            measured[step.name] = _run(step, log)
            file.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
            sys.stdout.write(f"{step.name}: {json.dumps(measured[step.name])}\n")
            sys.stdout.flush()
    sys.exit(any(step.get("exit_code") for step in measured.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=_ROOT / "build/gpu")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="only whether every step runs")
    parser.add_argument("--only", nargs="*", help="names of steps")
    return parser.parse_args()


def _steps(device: str, quick: bool) -> list[Step]:
    throughput = ("benchmarks/training_throughput.py", "--device", device, "--rounds", "1")
    sizes = ("--steps", "2", "--batch-size", "64") if quick else ("--steps", "400")
    counting = ("benchmarks/enumeration.py", "results/two_sat/reference", "--device", device)
    chunks = ("--chunks", "1" if quick else "80")
    return [
        Step("tests", ("-m", "pytest", "-q", "-m", "gpu", *_marked_tests()), 120),
        Step("counting", (*counting, *chunks), 150),
        Step("paper_throughput", (*throughput, *sizes, "--preset", "paper"), 180),
        Step("cpu_throughput", (*throughput, *sizes, "--preset", "cpu"), 60),
        _stages("data", ("data",), device, quick),
        _stages("training", ("train",), device, quick),
        _stages("consolidation", ("data", "train", "consolidate"), device, quick),
    ]


def _stages(name: str, stages: tuple[str, ...], device: str, quick: bool) -> Step:
    """Stages of the pipeline in one process."""
    if name == "consolidation":
        run, preset, few = "gpu-proved", "proved", _FEW_STEPS if quick else ()
    else:
        run, preset, few = "gpu", "smoke" if quick else "reference", ()
    words = (f"preset={preset}", f"run={run}", *few, "wandb.mode=disabled")
    on = f"accelerator={'gpu' if device == 'cuda' else 'cpu'}"
    return Step(
        name,
        ("-m", "experiments.run", *words, on, f"+stage=[{','.join(stages)}]"),
        300,
        _RUNS / run / stages[-1] / "metrics.json",
    )


def _marked_tests() -> list[str]:
    files = sorted((_ROOT / "tests").rglob("test_*.py"))
    marked = [file for file in files if "mark.gpu" in file.read_text(encoding="utf-8")]
    return [str(file.relative_to(_ROOT)) for file in marked]


def _run(step: Step, log: TextIO) -> dict[str, Any]:
    """Run one step, its output into the log; a step beyond its limit has exit code 124."""
    log.write(f"\n$ python {' '.join(step.arguments)}\n")
    started = time.perf_counter()
    try:
        done = subprocess.run(
            (sys.executable, *step.arguments),
            cwd=_ROOT,
            env=os.environ | {"MECHVAL_QUIET": "1"},
            capture_output=True,
            text=True,
            timeout=step.limit,
            check=False,
        )
        code, output, told = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as error:
        code, output, told = 124, _text(error.stdout), _text(error.stderr)
    seconds = time.perf_counter() - started
    log.write(output + told)
    log.flush()
    return {
        "command": " ".join(step.arguments),
        "exit_code": code,
        "seconds": round(seconds, 1),
        "figures": _figures(step, output),
    }


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _figures(step: Step, output: str) -> Any:
    """The step's JSON, from its file or its output; else the last line that it printed."""
    if step.figures is not None and step.figures.exists():
        output = step.figures.read_text(encoding="utf-8")
    try:
        return json.loads(output)
    except json.JSONDecodeError:
        return (output.strip().splitlines() or [""])[-1]


def _machine(device: str) -> dict[str, Any]:
    cuda = device == "cuda"
    return {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "torch": torch.__version__,
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    main()
