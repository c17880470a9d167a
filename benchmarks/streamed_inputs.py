"""Measure the peak memory of a validation whose inputs come from a generator, batch by batch.

Run ``python benchmarks/streamed_inputs.py [GB of inputs, 8 if not given]``; it prints one JSON
object. A small network of three components is validated on samples of 2048 random numbers, 8 MB a
batch. Target: 0.6 GB for 8 GB, torch itself included.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mechval import axioms as mv

WIDTH, N_HIDDEN, BATCH = 2048, 16, 1024
BYTES_PER_BATCH = 4 * WIDTH * BATCH
KB_PER_GB = 1e9 / (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Validate on so many GB of inputs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    n_batches = round(1e9 * float(sys.argv[1] if len(sys.argv) > 1 else 8) / BYTES_PER_BATCH)
    claim, before = _claim(), _peak_gb()
    start = time.process_time()
    (report,) = mv.validate(claim, _drawn(n_batches)).reports
    measured = {
        "inputs_gb": round(report.n * WIDTH * 4 / 1e9, 2),
        "samples": report.n,
        "peak_gb": round(_peak_gb(), 3),
        "peak_gb_before": round(before, 3),
        "cpu_seconds": round(time.process_time() - start, 1),
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _drawn(n_batches: int) -> Iterator[Tensor]:
    for _ in range(n_batches):
        yield torch.rand(BATCH, WIDTH)


def _claim() -> mv.Interpretation:
    """The program computes the network's hidden numbers itself, and the answer from them."""
    model = nn.Sequential(nn.Linear(WIDTH, N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, 2))
    model.requires_grad_(False)
    network = mv.CutNetwork(
        model, ["0", "1"], example=torch.zeros(1, WIDTH), read_label=lambda y: y.argmax(dim=1)
    )
    hidden = mv.Equivalence("hidden", mv.n_differing, n_parts=N_HIDDEN)
    return mv.Interpretation(
        name="itself",
        components=("mix", "rectify", "answer"),
        concrete=network.components,
        abstract=(model[0], torch.relu, lambda state: model[2](state).argmax(dim=1)),
        alphas=(mv.identity,) * 4,
        gammas=(mv.identity,) * 4,
        equivalences=(mv.exact_labels, hidden, hidden, mv.exact_labels),
    )


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_PER_GB


if __name__ == "__main__":
    main()
