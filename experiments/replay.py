"""Replay one counterexample: ``python -m experiments.replay <run>/certify/counterexamples/X.cnf``.

The network, its circuit and the settings are those of the run that the file lies in. Exit codes:
0 the cell fails on the formula as recorded, 1 it does not, 2 wrong input.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.pipeline import Manifest, Workspace
from mechval.pipeline.manifest import hash_file, load_manifest
from mechval.transformer import Architecture
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.configs import AxiomsConfig
from mechval.two_sat.formulas.text import read_dimacs
from mechval.two_sat.network.training import WEIGHTS, load_network
from mechval.two_sat.problem import Problem
from mechval.two_sat.single.cases import Subject, make_subject
from mechval.two_sat.single.files import Case, load_cases
from mechval.two_sat.single.replaying import Replay, replay_case

_USAGE = "results/two_sat/<run>/certify/counterexamples/<file>.cnf"


def main(path: Path) -> int:
    """Replay the case in ``path``, tell what was found and return the exit code.

    Raises:
        MechvalError: if the file is no recorded counterexample of a finished run, or the network
            is another one than it was found in.
    """
    recorded = {case.file: (case, states) for case, states in load_cases(path.parent)}
    if path.name not in recorded:
        raise MechvalError(f"{path} is no recorded counterexample; allowed: {_USAGE}.")
    case, states = recorded[path.name]
    subject = load_subject(path.parents[2])
    if read_dimacs(subject.problem, path).tolist() != case.ids.tolist():
        raise MechvalError(
            f"{path} is another formula than cases.csv says; allowed: {case.formula}."
        )
    found = replay_case(subject, case, states)
    sys.stdout.write(_told(case, found))
    return 0 if found.succeeds else 1


def load_subject(run: Path) -> Subject:
    """The network of a run with its main interpretations.

    Raises:
        MechvalError: if stage ``certify`` is missing, or a file of the network or the circuit is
            missing or is not the one that it read.
    """
    manifest = load_manifest(run / "certify" / "manifest.json")
    values: dict[str, Any] = manifest.config
    problem = parse_config(Problem, values["problem"])
    axioms = parse_config(AxiomsConfig, values["axioms"])
    architecture = parse_config(Architecture, values["architecture"])
    weights = _weights(run, manifest)
    return make_subject(
        load_network(problem, architecture, weights),
        problem,
        load_circuit(run / "circuit", problem),
        versions=axioms.versions,
        residuals=axioms.residuals,
        device=torch.device("cpu"),
    )


def _weights(run: Path, manifest: Manifest) -> Path:
    places = Workspace(run.parents[2]).stage(run.parent.name, run.name, "train")
    kinds = {"tracked": places.directory, "bulk": places.bulk}
    for kind, folder in kinds.items():
        digest = manifest.inputs.get(f"train/{kind}/{WEIGHTS}")
        if digest is not None:
            path = folder / WEIGHTS
            if not path.is_file() or hash_file(path) != digest:
                raise MechvalError(
                    f"{path} is missing or another network than the counterexample was found in; "
                    "allowed: the weights that stage train of this run leaves."
                )
            return path
    raise MechvalError(f"{run}/certify/manifest.json names no {WEIGHTS}; allowed: {_USAGE}.")


def _told(case: Case, found: Replay) -> str:
    verdict = "fails as recorded" if found.succeeds else "DIFFERS from the record"
    bits = (
        "bit-equal"
        if found.is_bit_equal
        else f"not bit-equal, logits differ by up to {found.largest_logit_change:.2g}"
    )
    lines = [
        f"{case.axiom_name} of {case.component}, {case.interpretation}: {verdict}, {bits}",
        f"formula: {case.formula}",
        f"{'satisfiable' if case.satisfiable else 'unsatisfiable'}, {case.witness}",
        f"network: {case.network}",
        f"program: {case.program}",
        case.responsible,
        *(f"differs: {name}" for name in found.differing_facts),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        if len(sys.argv) != 2:
            raise MechvalError(f"{len(sys.argv) - 1} files are not allowed; allowed: {_USAGE}.")
        sys.exit(main(Path(sys.argv[1]).resolve()))
    except MechvalError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
