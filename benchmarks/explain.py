"""How long one formula and one sum take to explain, the imports done.

python benchmarks/explain.py
"""

import contextlib
import io
import json
import statistics
import sys
import time
from pathlib import Path

from experiments.explain import main

ROOT = Path(__file__).resolve().parents[1]
ASKED = {
    "formula": ["(x0 | ~x1) & (~x2 | x4)"],
    "random formula": ["random", "seed=3"],
    "sum": ["study=modular_addition", "17", "58"],
}
ROUNDS = 5


def seconds(words: list[str]) -> float:
    """Wall clock of one command, its output thrown away."""
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        main(words, ROOT)
    return time.perf_counter() - started


if __name__ == "__main__":
    # The first round imports what each study needs.
    found = {name: [seconds(words) for _ in range(ROUNDS + 1)][1:] for name, words in ASKED.items()}
    summary = {
        name: {"median": statistics.median(taken), "longest": max(taken)}
        for name, taken in found.items()
    }
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
