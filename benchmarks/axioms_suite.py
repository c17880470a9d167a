"""Time the axiom suite on fresh formulas, for a run with a trained model and its circuit.

Run ``python benchmarks/axioms_suite.py results/two_sat/reference``; it prints one JSON object.
Only tracked files of the run are read. Target: 80 000 formulas, every interpretation, in 180 s and
4 GB on 2 cores.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import torch

from mechval.config import parse_config
from mechval.pipeline import load_run_config
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.claim.assess import Question, validate
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import Corpora
from mechval.two_sat.formulas.generation import generate_corpora
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import WEIGHTS, load_network

_SEED = 1


def main() -> None:
    """Validate the run's interpretations once."""
    arguments = _arguments()
    run = Path(arguments.run)
    config = load_run_config(run / "config.json") or {}
    settings = parse_config(TwoSatSettings, config["settings"])
    model = load_network(settings.problem, settings.architecture, run / "train" / WEIGHTS)
    circuit = load_circuit(run / "circuit", settings.problem)
    corpora = _fresh_formulas(settings, arguments.formulas)
    split, drawn = corpora.splits["analysis.test"], corpora.provenance
    natural = drawn.satisfiable_drawn / drawn.formulas_drawn
    question = Question(settings.circuit, settings.axioms, natural)
    start = time.perf_counter()
    reports = validate(Components(model, settings.problem), circuit, split, question)
    measured = {
        "run": str(run),
        "formulas": len(split),
        "interpretations": len(reports),
        "cells": sum(len(report.cells) for report in reports),
        "evaluating_neurons": {name: len(r.neurons) for name, r in circuit.readings.items()},
        "seconds": round(time.perf_counter() - start, 1),
        "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    sys.stdout.write(json.dumps(measured, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="folder of a run that has its own weights")
    parser.add_argument("--formulas", type=int, default=80_000, help="formulas validated on")
    return parser.parse_args()


def _fresh_formulas(settings: TwoSatSettings, n_formulas: int) -> Corpora:
    # The corpus for training is not used; it cannot be empty.
    sizes = {"training_formulas": 40, "analysis_formulas": 2 * n_formulas, "fit_fraction": 0.5}
    config = settings.data.model_copy(update=sizes)
    return generate_corpora(settings.problem, config, seed=_SEED)


if __name__ == "__main__":
    main()
