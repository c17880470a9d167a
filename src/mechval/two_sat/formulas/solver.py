"""The label of a formula, from a SAT solver that is itself checked.

One solver holds every distinct clause behind a selector variable; a formula is its selectors as
assumptions.
"""

import numpy as np
from jaxtyping import Bool, Int64, Integer
from pysat.solvers import Minisat22

from mechval.errors import MechvalError
from mechval.progress import track
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables, unpack_truth_tables
from mechval.two_sat.problem import Problem, clause_literals

_BATCH = 2**16


class OracleDisagreementError(RuntimeError):
    """The solver, its model and the truth table do not agree on a formula: a defect, not input."""


class SatOracle:
    """A persistent MiniSat 2.2 that labels formulas, each one cross-checked.

    Use it as a context manager: the solver's memory is released on leaving.

    >>> with SatOracle(Problem(n_variables=3, n_clauses=4)) as oracle:
    ...     oracle.label(np.array([[0, 1, 2, 3], [0, 0, 0, 0]])).tolist()
    [False, True]
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._signed_clauses = signed_clauses(problem)
        self._solver = Minisat22()
        for clause, literals in enumerate(self._signed_clauses.tolist()):
            self._solver.add_clause([-self._selector(clause), *literals])

    def __enter__(self) -> "SatOracle":
        return self

    def __exit__(self, *error: object) -> None:
        self._solver.delete()

    def label(
        self, clause_ids: Integer[np.ndarray, "formula clause_position"]
    ) -> Bool[np.ndarray, " formula"]:
        """Decide which formulas are satisfiable. Every model the solver finds is evaluated on its
        formula's clauses, and every answer is compared with the formula's truth table. Raises
        OracleDisagreementError naming the first formula where one of the checks fails."""
        labels = np.empty(len(clause_ids), dtype=bool)
        starts = range(0, len(clause_ids), _BATCH)
        for start in track(starts, "label formulas"):
            batch = slice(start, start + _BATCH)
            labels[batch] = self._label_batch(clause_ids[batch])
        return labels

    def is_satisfiable(self, clause_ids: Integer[np.ndarray, " clause_position"]) -> bool:
        """Decide one formula, with the checks of :meth:`label` but without a progress bar."""
        return bool(self._label_batch(clause_ids[None])[0])

    def model(
        self, clause_ids: Integer[np.ndarray, " clause_position"]
    ) -> Bool[np.ndarray, " variable"]:
        """Find an assignment that satisfies one formula. Raises MechvalError where the formula is
        unsatisfiable."""
        if not self._solve(clause_ids.tolist()):
            raise MechvalError(
                f"formula {clause_ids.tolist()} has no model; allowed: a satisfiable formula."
            )
        return np.array(self._signed_model()) > 0

    def core(
        self, clause_ids: Integer[np.ndarray, " clause_position"]
    ) -> Int64[np.ndarray, " core"]:
        """Find distinct clauses of one formula that are already unsatisfiable together. Raises
        MechvalError where the formula is satisfiable."""
        if self._solve(clause_ids.tolist()):
            raise MechvalError(
                f"formula {clause_ids.tolist()} has no core; allowed: an unsatisfiable formula."
            )
        selectors = np.array(sorted(self._solver.get_core() or []), dtype=np.int64)
        return selectors - self._selector(0)

    def _selector(self, clause: int) -> int:
        return self._problem.n_variables + 1 + clause

    def _solve(self, clauses: list[int]) -> bool:
        return bool(self._solver.solve(assumptions=[self._selector(clause) for clause in clauses]))

    def _signed_model(self) -> list[int]:
        return (self._solver.get_model() or [])[: self._problem.n_variables]

    def _label_batch(
        self, clause_ids: Integer[np.ndarray, "formula clause_position"]
    ) -> Bool[np.ndarray, " formula"]:
        solve, signed_model = self._solver.solve, self._signed_model
        labels, models = [], []
        for assumptions in (clause_ids.astype(np.int64) + self._selector(0)).tolist():
            labels.append(bool(solve(assumptions=assumptions)))
            if labels[-1]:
                models.append(signed_model())
        satisfiable = np.array(labels)
        self._check(clause_ids, satisfiable, np.array(models, dtype=np.int64))
        return satisfiable

    def _check(
        self,
        clause_ids: Integer[np.ndarray, "formula clause_position"],
        satisfiable: Bool[np.ndarray, " formula"],
        models: Int64[np.ndarray, "satisfiable ..."],
    ) -> None:
        words = truth_tables(self._problem, clause_ids)
        _refuse(clause_ids, is_satisfiable(words) != satisfiable, "the truth table")
        if len(models):
            solved = clause_ids[satisfiable]
            wrong = ~self._satisfies(models, solved)
            tables = unpack_truth_tables(words[satisfiable], self._problem.n_variables)
            assignments = (models > 0) @ (1 << np.arange(self._problem.n_variables))
            wrong |= ~tables[np.arange(len(tables)), assignments]
            _refuse(solved, wrong, "the solver's own model")

    def _satisfies(
        self,
        models: Int64[np.ndarray, "formula variable"],
        clause_ids: Integer[np.ndarray, "formula clause_position"],
    ) -> Bool[np.ndarray, " formula"]:
        """Whether each model makes a literal of every clause true, literal by literal."""
        satisfied = np.ones(len(models), dtype=bool)
        rows = np.arange(len(models))
        for clauses in clause_ids.T:
            literals = self._signed_clauses[clauses]
            held = [models[rows, np.abs(signed) - 1] == signed for signed in literals.T]
            satisfied &= held[0] | held[1]
        return satisfied


def signed_clauses(problem: Problem) -> Int64[np.ndarray, "clause 2"]:
    """Every distinct clause in the solver's integers: variable ``v`` is ``v + 1``, ¬v negative."""
    literals = clause_literals(problem)
    is_negated = literals >= problem.n_variables
    return np.where(is_negated, -(literals - problem.n_variables + 1), literals + 1)


def _refuse(
    clause_ids: Integer[np.ndarray, "formula clause_position"],
    is_wrong: Bool[np.ndarray, " formula"],
    witness: str,
) -> None:
    if is_wrong.any():
        formula = clause_ids[is_wrong.argmax()].tolist()
        raise OracleDisagreementError(
            f"MiniSat's answer for formula {formula} contradicts {witness}."
        )
