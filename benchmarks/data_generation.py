"""Time the data stage's library call at paper size.

Run ``python benchmarks/data_generation.py``; it prints one JSON object. Target: 2.2 M formulas
drawn, labelled by PySAT, cross-checked and stored in 120 s and 3 GB on 2 cores.
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mechval.config import parse_config
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import load_corpora, save_corpora
from mechval.two_sat.formulas.generation import generate_corpora

_SEED = 0


def main() -> None:
    """Generate, save and load the paper's corpora once."""
    base: Any = OmegaConf.to_container(OmegaConf.load("conf/settings/two_sat/base.yaml"))
    settings = parse_config(TwoSatSettings, base)
    problem, config = settings.problem, settings.data
    start = time.perf_counter()
    corpora = generate_corpora(problem, config, seed=_SEED)
    generated = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        path = save_corpora(corpora, Path(directory))
        saved = time.perf_counter()
        load_corpora(Path(directory), problem)
        loaded = time.perf_counter()
        file_bytes = path.stat().st_size
    measured = {
        "formulas": sum(map(len, corpora.splits.values())),
        "formulas_drawn": corpora.provenance.formulas_drawn,
        "generate_seconds": round(generated - start, 1),
        "save_seconds": round(saved - generated, 2),
        "load_seconds": round(loaded - saved, 2),
        "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "file_megabytes": round(file_bytes / 1e6, 2),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
