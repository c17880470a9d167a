"""Replay one counterexample: ``python -m experiments.replay <run>/certify/counterexamples/X.cnf``.

The network and its circuit are those of the run that the file lies in. Exit codes: 0 the cell
fails on the formula as recorded, 1 it does not, 2 wrong input.
"""

import sys
from pathlib import Path

from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.two_sat.formulas.text import read_dimacs
from mechval.two_sat.network.training import WEIGHTS
from mechval.two_sat.single.counterexamples import Counterexample, Replay, load_cases, replay_case
from mechval.two_sat.single.subject import load_subject, write_label

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
    folder = path.parents[2]
    run = FinishedRun(Workspace(folder.parents[2]), folder.parent.name, folder.name)
    weights, inputs = run.file("train", WEIGHTS), run.manifest("certify").inputs
    outputs = {**run.manifest("train").tracked, **run.manifest("train").bulk}
    if outputs[WEIGHTS] not in {inputs.get(f"train/{k}/{WEIGHTS}") for k in ("tracked", "bulk")}:
        raise MechvalError(
            f"{weights} is another network than the counterexample was found in; allowed: the "
            "weights that stage certify of this run read."
        )
    subject = load_subject(run)
    if tuple(read_dimacs(subject.problem, path).tolist()) != case.clause_ids:
        raise MechvalError(
            f"{path} is another formula than cases.csv says; allowed: {case.formula}."
        )
    found = replay_case(subject, case, states)
    sys.stdout.write(_told(case, found))
    return 0 if found.succeeds else 1


def _told(case: Counterexample, found: Replay) -> str:
    verdict = "fails as recorded" if found.succeeds else "DIFFERS from the record"
    bits = (
        "bit-equal"
        if found.is_bit_equal
        else f"not bit-equal, logits differ by up to {found.largest_logit_change:.2g}"
    )
    lines = [
        f"{case.axiom} of {case.component}, {case.interpretation}: {verdict}, {bits}",
        f"formula: {case.formula}",
        f"{write_label(case.satisfiable)}, {case.witness}",
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
