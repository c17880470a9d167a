"""Spread of accuracy over seeds, from the tracked results of a sweep.

python -m experiments.run --multirun +stage=train preset=cpu seed=0,1,2   (after +stage=data)
python benchmarks/seed_spread.py results/two_sat/cpu-*
"""

import json
import statistics
import sys
from pathlib import Path


def main(runs: list[Path]) -> None:
    """Print, per run and over all of them, accuracy on fresh test formulas."""
    metrics = {
        run.name: json.loads((run / "train" / "metrics.json").read_text(encoding="utf-8"))
        for run in runs
    }
    accuracies = [values["accuracy"] for values in metrics.values()]
    summary = {
        "runs": {
            name: {key: values[key] for key in ("n", "wrong_count", "accuracy", "accuracy_lower")}
            for name, values in metrics.items()
        },
        "median": statistics.median(accuracies),
        "minimum": min(accuracies),
    }
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
