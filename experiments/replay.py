"""Replay one counterexample: ``python -m experiments.replay <run>/certify/counterexamples/X.cnf``.

X.cnf is a name in the ``file`` column of cases.csv there; with ``--dimacs`` the formula is printed
for a SAT solver instead. The network and its circuit are those of the run. Exit codes: 0 the cell
fails on the formula as recorded, 1 it does not, others as in ``experiments.exits``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.exits import exit_codes
from mechval.errors import MechvalError
from mechval.pipeline import Workspace
from mechval.pipeline.manifest import Manifest
from mechval.pipeline.run import FinishedRun
from mechval.transformer.finished import network_stage
from mechval.two_sat.formulas.text import read_formula
from mechval.two_sat.problem import Problem
from mechval.two_sat.single import counterexamples
from mechval.two_sat.single.subject import load_subject, write_label

_DIMACS = "--dimacs"
_DEPTH = len(("counterexamples", "certify", "<run>", "two_sat", "results", "<root>"))
_USAGE = f"results/two_sat/<run>/certify/counterexamples/<file>.cnf [{_DIMACS}]"


def main(path: Path, dimacs: bool = False) -> int:
    """Replay a case, or print its formula with ``dimacs``, and return the exit code.

    ``path`` is a name in cases.csv of its folder; a file of that name must hold the same formula.
    Raises MechvalError if it is no recorded counterexample of a finished run, or the network or its
    circuit is another one than it was found in.
    """
    if len(path.parents) < _DEPTH:
        raise MechvalError(f"{path} is no recorded counterexample; allowed: {_USAGE}.")
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
    _require_same_inputs(run, certified)
    found = counterexamples.replay_case(load_subject(run), case, states)
    sys.stdout.write(_told(case, found))
    return 0 if found.succeeds else 1


def _require_same_inputs(run: FinishedRun, certified: Manifest) -> None:
    """That network and circuit are, by digest, what stage ``certify`` read."""
    for stage in (network_stage(run), "circuit"):
        made = run.manifest(stage)
        for kind, files in (("tracked", made.tracked), ("bulk", made.bulk)):
            for name, digest in files.items():
                if certified.inputs.get(f"{stage}/{kind}/{name}", digest) != digest:
                    raise MechvalError(
                        f"{name} of stage {stage} is another one than the counterexample was "
                        "found with; allowed: what stage certify of this run read."
                    )


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


def run(arguments: Sequence[str]) -> int:
    """Replay what the words name; the exit code."""
    words = [word for word in arguments if word != _DIMACS]
    with exit_codes():
        if len(words) != 1 or words[0].startswith("-"):
            raise MechvalError(f"{' '.join(words)!r} is not allowed; allowed: {_USAGE}.")
        return main(Path(words[0]).resolve(), _DIMACS in arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
