"""Time the counting of multisets after γ_1, for a run with a trained model and its circuit.

Run ``python benchmarks/enumeration.py results/two_sat/reference``; it prints one JSON object. Only
tracked files of the run are read. Chunks are chosen evenly over their sizes; the time for all is
extrapolated from their multisets per second. With bits, every chunk is compared with the digest
that the run's certificate states for it. Targets: 12 minutes on 2 cores, 7 with ``--no-bits``; 60 s
on an H100.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from mechval.config import parse_config
from mechval.pipeline import load_run_config
from mechval.two_sat.certify.counting.chunks import (
    ChunkCounts,
    Prefix,
    chunk_multisets,
    chunk_prefixes,
    n_multisets,
)
from mechval.two_sat.certify.counting.enumeration import make_enumerator
from mechval.two_sat.certify.counting.tables import CHUNKS
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.network.training import WEIGHTS, load_network
from mechval.two_sat.problem import Problem


def main() -> None:
    """Count the chosen chunks once."""
    arguments = _arguments()
    run, device = Path(arguments.run), torch.device(arguments.device)
    threads = 1 if device.type == "cuda" else arguments.threads
    config = load_run_config(run / "config.json") or {}
    settings = parse_config(TwoSatSettings, config["settings"])
    problem = settings.problem
    model = load_network(problem, settings.architecture, run / "train" / WEIGHTS)
    circuit = load_circuit(run / "circuit", problem)
    enumerator = make_enumerator(model, problem, circuit, bits=arguments.bits, device=device)
    # The smallest chunk compiles the loop, or starts the device.
    enumerator.count(chunk_prefixes(problem)[-1])
    chosen = _chosen(problem, arguments.chunks)
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        chunks = list(pool.map(enumerator.count, chosen))
    seconds = time.perf_counter() - start
    counted = sum(chunk.n_multisets for chunk in chunks)
    measured = {
        "run": str(run),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": threads,
        "cores": os.cpu_count(),
        "bits": arguments.bits,
        "chunks": len(chosen),
        "digests_as_committed": _agreeing(run, chunks) if arguments.bits else None,
        "multisets": counted,
        "seconds": round(seconds, 2),
        "multisets_per_second": round(counted / seconds),
        "extrapolated_seconds_for_all": round(n_multisets(problem) * seconds / counted, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="folder of a run that has its own weights")
    parser.add_argument("--device", default="cpu", help="cpu: compiled loop; cuda: torch")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="chunks at a time")
    parser.add_argument("--chunks", type=int, help="how many chunks; all if not given")
    parser.add_argument("--no-bits", dest="bits", action="store_false", help="answers alone")
    return parser.parse_args()


def _chosen(problem: Problem, n_chunks: int | None) -> list[Prefix]:
    """Chunks evenly over the sizes, the large ones first."""
    prefixes = sorted(chunk_prefixes(problem), key=lambda prefix: -chunk_multisets(problem, prefix))
    if n_chunks is None:
        return prefixes
    places = np.linspace(0, len(prefixes) - 1, n_chunks).round().astype(int)
    return [prefixes[place] for place in np.unique(places)]


def _agreeing(run: Path, chunks: list[ChunkCounts]) -> int:
    """How many chunks are counted as in the run's certificate, neuron for neuron."""
    stated = {(row.first, row.second): row.sha256 for row in CHUNKS.read(run / "certify")}
    return sum(stated.get(chunk.prefix) == chunk.digest() for chunk in chunks)


if __name__ == "__main__":
    main()
