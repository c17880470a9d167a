"""How the time of the theorem's proof grows with the number of variables and of clauses.

``python benchmarks/proof_growth.py results/theorems/RUN OUT`` takes a network that was made from
scratch for many variables and clauses and kept with its theorem, and proves it for fewer of both:
the tokens and the neurons of the other variables and the positions of the other clauses are taken
out. Timed in CPU seconds are the closed form alone, the finder and the checker. It prints, and
writes into the JSON file OUT, the times of all sizes and the exponents fitted to them: of n at one
m, of m at one n. The time does not depend on whether the smaller network can be proved, which the
report says of each.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mechval.transformer import Transformer, save_weights
from mechval.transformer.architecture import Architecture
from mechval.two_sat.certify.theorem import neurons, second_block
from mechval.two_sat.certify.theorem.checker import check_theorem
from mechval.two_sat.certify.theorem.first_block import EnteredBlock
from mechval.two_sat.certify.theorem.prover import prove_theorem
from mechval.two_sat.certify.theorem.theorem import THEOREM, circuit_digest
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.circuit.files import save_circuit
from mechval.two_sat.configs import CircuitConfig
from mechval.two_sat.consolidate.formulas import balanced_formulas
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.network.components import Components
from mechval.two_sat.network.training import WEIGHTS, load_network, make_network
from mechval.two_sat.problem import Problem

PARTS = ("closed form", "finder", "checker")
N_FORMULAS = 2048


def main() -> None:
    """Time every size and fit."""
    arguments = _arguments()
    kept = THEOREM.read(arguments.theorem)
    problem = Problem(n_variables=kept.n_variables, n_clauses=kept.n_clauses)
    d_mlp = max(512, problem.n_assignments)
    architecture = Architecture(d_model=128, d_mlp=d_mlp, n_heads=(1, 4))
    model = load_network(problem, architecture, arguments.theorem / WEIGHTS)
    by_n = [Problem(n_variables=n, n_clauses=arguments.fixed_m) for n in arguments.n]
    by_m = [Problem(n_variables=arguments.fixed_n, n_clauses=m) for m in arguments.m]
    rows = {size: _timed(model, problem, size) for size in dict.fromkeys([*by_n, *by_m])}
    report = {
        "run": arguments.theorem.name,
        "threads": torch.get_num_threads(),
        "sizes": list(rows.values()),
        f"exponent of n at m={arguments.fixed_m}": _exponents(
            [size.n_variables for size in by_n], [rows[size] for size in by_n]
        ),
        f"exponent of m at n={arguments.fixed_n}": _exponents(
            [size.n_clauses for size in by_m], [rows[size] for size in by_m]
        ),
    }
    text = json.dumps(report, indent=1) + "\n"
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def restricted(model: Transformer, problem: Problem, smaller: Problem) -> Transformer:
    """The network for formulas of the first variables and fewer clauses.

    Neuron ``a`` evaluates assignment ``a``, as it does from scratch.
    """
    n, few = problem.n_variables, smaller.n_variables
    tokens = [*range(few), *range(n, n + few), *range(2 * n, model.d_vocab)]
    made = make_network(smaller, model.architecture)
    with torch.no_grad():
        for mine, other in zip(made.parameters(), model.parameters(), strict=True):
            if mine.shape == other.shape:
                mine.copy_(other)
        made.W_E.copy_(model.W_E[tokens])
        made.W_pos.copy_(model.W_pos[_places(problem, smaller)])
        made.W_U.copy_(model.W_U[:, tokens])
        mlp = made.block(1).mlp
        mlp.W_in[:, smaller.n_assignments :] = 0
        mlp.b_in[smaller.n_assignments :] = 0
        mlp.W_out[smaller.n_assignments :] = 0
    return made


def _timed(model: Transformer, problem: Problem, size: Problem) -> dict[str, Any]:
    network, circuit = restricted(model, problem, size), _circuit(model, problem, size)
    with tempfile.TemporaryDirectory() as temporary, torch.inference_mode():
        folder = Path(temporary)
        save_circuit(circuit, folder)
        save_weights(network, folder / WEIGHTS)
        entered = EnteredBlock(network, size)
        sums = second_block.own_sums(entered, entered.read())
        evaluators, seconds = neurons.find_evaluators(entered, sums), [time.process_time()]
        neurons.neuron_ranges(sums, evaluators)
        seconds.append(time.process_time())
        theorem = prove_theorem(network, size, circuit, circuit_digest(folder))
        seconds.append(time.process_time())
        THEOREM.write(theorem, folder)
        begun = time.process_time()
        check_theorem(THEOREM.path(folder), folder / WEIGHTS, folder)
        took = [*np.diff(seconds), time.process_time() - begun]
    return {
        "n": size.n_variables,
        "m": size.n_clauses,
        "neurons": len(evaluators.neuron),
        "terms": theorem.terms,
        "failing lemma": theorem.failing_lemma,
        "cpu seconds": dict(zip(PARTS, (round(float(x), 3) for x in took), strict=True)),
    }


def _circuit(model: Transformer, problem: Problem, size: Problem) -> Circuit:
    """That of fewer variables and all clauses; of its means, those at the remaining positions.

    With fewer clauses `:` has more of its own attention, and no neuron may tell assignments apart.
    """
    wide = Problem(n_variables=size.n_variables, n_clauses=problem.n_clauses)
    generator = torch.Generator().manual_seed(0)
    formulas, satisfiable = balanced_formulas(wide, N_FORMULAS, generator)
    split = Split(formulas.numpy().astype(np.uint8), satisfiable.numpy())
    config = CircuitConfig(readings=("calibrated",), max_leaves=4)
    network = restricted(model, problem, wide)
    circuit = extract_circuit(Components(network, wide), split, config=config, seed=0)
    return replace(circuit, mean_resid_post=circuit.mean_resid_post[_places(problem, size)])


def _places(problem: Problem, smaller: Problem) -> list[int]:
    return [*range(4 * smaller.n_clauses), 4 * problem.n_clauses]


def _exponents(sizes: Sequence[int], rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Slopes of logarithms: of the terms, and of every part's time."""
    values = {part: [row["cpu seconds"][part] for row in rows] for part in PARTS}
    values["terms"] = [row["terms"] for row in rows]
    return {
        name: round(float(np.polyfit(np.log(sizes), np.log(each), 1)[0]), 2)
        for name, each in values.items()
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("theorem", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, nargs="+", default=[4, 5, 6, 7, 8])
    parser.add_argument("--m", type=int, nargs="+", default=[4, 8, 12, 16, 20])
    parser.add_argument("--fixed-n", type=int, default=6)
    parser.add_argument("--fixed-m", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
