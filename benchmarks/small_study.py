"""CPU seconds of circuit and axioms on a small corpus, after imports and after making formulas.

``python benchmarks/small_study.py results/two_sat/reference`` extracts the circuit from 12 000
formulas and validates every main interpretation on 8 000 others; the authors' code was measured at
about 650 s for as much, on another machine.
"""

import json
import sys
import time
from pathlib import Path

from mechval.config import parse_config
from mechval.pipeline import load_run_config
from mechval.two_sat.circuit import extract as circuit
from mechval.two_sat.claim import assess
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas import generation
from mechval.two_sat.network import training as network
from mechval.two_sat.network.components import Components

N_FORMULAS = 20_000
BOUND_SECONDS = 20.0


def main(run: Path) -> None:
    """Print the CPU seconds of both parts and whether they keep the bound."""
    config = load_run_config(run / "config.json") or {}
    settings = parse_config(TwoSatSettings, config["settings"])
    problem = settings.problem
    sizes = {"training_formulas": 600, "analysis_formulas": N_FORMULAS}
    data = settings.data.model_copy(update=sizes)
    splits = generation.generate_corpora(problem, data, 0).splits
    model = network.load_network(problem, settings.architecture, run / "train" / network.WEIGHTS)
    question = assess.Question(settings.circuit, settings.axioms, natural_share=0.7387)
    started = time.process_time()
    components, fit = Components(model, problem), splits["analysis.fit"]
    found = circuit.extract_circuit(components, fit, config=settings.circuit, seed=0)
    extracted = time.process_time()
    assess.validate(components, found, splits["analysis.test"], question)
    ended = time.process_time()
    report = {
        "formulas": N_FORMULAS,
        "circuit_cpu_seconds": round(extracted - started, 1),
        "axioms_cpu_seconds": round(ended - extracted, 1),
        "bound_seconds": BOUND_SECONDS,
        "is_within_bound": ended - started <= BOUND_SECONDS,
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
