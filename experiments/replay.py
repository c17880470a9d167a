"""Replay one counterexample: ``python -m experiments.replay <run>/certify/counterexamples/X.cnf``.

X.cnf is a name in the ``file`` column of cases.csv there; with ``--dimacs`` the formula is printed
for a SAT solver instead. The network and its circuit are those of the run. Exit codes: 0 the cell
fails on the formula as recorded, 1 it does not, 2 wrong input.
"""

import sys
from pathlib import Path

from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.transformer.finished import network_stage
from mechval.two_sat.formulas.text import read_formula
from mechval.two_sat.network.training import WEIGHTS
from mechval.two_sat.problem import Problem
from mechval.two_sat.single import counterexamples
from mechval.two_sat.single.subject import load_subject, write_label

_DIMACS = "--dimacs"
_USAGE = f"results/two_sat/<run>/certify/counterexamples/<file>.cnf [{_DIMACS}]"


def main(path: Path, dimacs: bool = False) -> int:
    """Replay a case, or print its formula with ``dimacs``, and return the exit code.

    ``path`` is a name in cases.csv of its folder; a file of that name must hold the same formula.
    Raises MechvalError if it is no recorded counterexample of a finished run, or the network is
    another one than it was found in.
    """
    recorded = {found[0].file: found for found in counterexamples.load_cases(path.parent)}
    if path.name not in recorded:
        raise MechvalError(f"{path} is no recorded counterexample; allowed: {_USAGE}.")
    case, states = recorded[path.name]
    folder = path.parents[2]
    run = FinishedRun(Workspace(folder.parents[2]), folder.parent.name, folder.name)
    certified = run.manifest("certify")
    problem = Problem.model_validate(certified.config["problem"])
    if (
        path.exists()
        and read_formula(problem, path.read_text("utf-8")).clause_ids != case.clause_ids
    ):
        raise MechvalError(
            f"{path} is another formula than cases.csv says; allowed: {case.formula}."
        )
    if dimacs:
        sys.stdout.write(counterexamples.case_dimacs(problem, case))
        return 0
    stage = network_stage(run)
    weights, inputs = run.file(stage, WEIGHTS), certified.inputs
    outputs = {**run.manifest(stage).tracked, **run.manifest(stage).bulk}
    if outputs[WEIGHTS] not in {inputs.get(f"{stage}/{k}/{WEIGHTS}") for k in ("tracked", "bulk")}:
        raise MechvalError(
            f"{weights} is another network than the counterexample was found in; allowed: the "
            "weights that stage certify of this run read."
        )
    found = counterexamples.replay_case(load_subject(run), case, states)
    sys.stdout.write(_told(case, found))
    return 0 if found.succeeds else 1


def _told(case: counterexamples.Counterexample, found: counterexamples.Replay) -> str:
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
    words = [word for word in sys.argv[1:] if word != _DIMACS]
    try:
        if len(words) != 1:
            raise MechvalError(f"{len(words)} files are not allowed; allowed: {_USAGE}.")
        sys.exit(main(Path(words[0]).resolve(), _DIMACS in sys.argv))
    except MechvalError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
