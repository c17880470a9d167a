import numpy as np
import pytest

from mechval.errors import MechvalError
from mechval.two_sat.formulas import solver as oracle_module
from mechval.two_sat.formulas.solver import OracleDisagreementError, SatOracle
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables, unpack_truth_tables
from mechval.two_sat.problem import Problem
from tests.formulas import DRAWABLE_FORMULAS

SIZES = [Problem(n_variables=n, n_clauses=m) for n, m in ((3, 4), (3, 20), (8, 4), (8, 20))]
SATISFIABLE = [formula for formula in DRAWABLE_FORMULAS if formula.satisfiable]
UNSATISFIABLE = [formula for formula in DRAWABLE_FORMULAS if not formula.satisfiable]
SMALL = Problem(n_variables=3, n_clauses=4)
UNSATISFIABLE_IDS = np.array([[0, 1, 2, 3]])
SATISFIABLE_IDS = np.array([[0, 0, 0, 0]])


class LyingSolver:
    """Answers every formula alike, with the same model."""

    def __init__(self, answer: bool, model: list[int]) -> None:
        self.answer, self.signed_model = answer, model

    def solve(self, assumptions: list[int]) -> bool:
        assert assumptions
        return self.answer

    def get_model(self) -> list[int]:
        return self.signed_model

    def delete(self) -> None:
        self.signed_model = []


def _random_formulas(problem: Problem, n_formulas: int) -> np.ndarray:
    shape = (n_formulas, problem.n_clauses)
    return np.random.default_rng(0).integers(problem.n_distinct_clauses, size=shape, dtype=np.uint8)


@pytest.mark.parametrize("formula", DRAWABLE_FORMULAS, ids=lambda formula: formula.name)
def test_a_named_formula_gets_its_label(formula):
    with SatOracle(formula.problem) as oracle:
        assert oracle.label(formula.clause_ids[None]).tolist() == [formula.satisfiable]


@pytest.mark.parametrize("problem", SIZES, ids=str)
def test_labels_agree_with_the_truth_tables_at_every_corner(problem):
    formulas = _random_formulas(problem, 300)
    with SatOracle(problem) as oracle:
        labels = oracle.label(formulas)
    assert (labels == is_satisfiable(truth_tables(problem, formulas))).all()


def test_labels_do_not_depend_on_the_batch(monkeypatch):
    problem = Problem(n_variables=5, n_clauses=10)
    formulas = _random_formulas(problem, 300)
    with SatOracle(problem) as oracle:
        at_once = oracle.label(formulas)
        monkeypatch.setattr(oracle_module, "_BATCH", 7)
        assert (oracle.label(formulas) == at_once).all()


def test_no_formulas_get_no_labels():
    with SatOracle(SMALL) as oracle:
        assert oracle.label(np.empty((0, 4), dtype=np.uint8)).tolist() == []


@pytest.mark.parametrize("formula", SATISFIABLE, ids=lambda formula: formula.name)
def test_a_model_satisfies_its_formula(formula):
    with SatOracle(formula.problem) as oracle:
        model = oracle.model(formula.clause_ids)
    words = truth_tables(formula.problem, formula.clause_ids[None])
    assignment = int(model @ (1 << np.arange(len(model))))
    assert unpack_truth_tables(words, formula.problem.n_variables)[0, assignment]


@pytest.mark.parametrize("formula", UNSATISFIABLE, ids=lambda formula: formula.name)
def test_a_core_is_unsatisfiable_on_its_own(formula):
    with SatOracle(formula.problem) as oracle:
        core = oracle.core(formula.clause_ids)
    padded = np.resize(core, (1, formula.problem.n_clauses))
    assert not is_satisfiable(truth_tables(formula.problem, padded))[0]


@pytest.mark.parametrize("formula", UNSATISFIABLE, ids=lambda formula: formula.name)
def test_a_core_consists_of_clauses_of_the_formula(formula):
    with SatOracle(formula.problem) as oracle:
        assert set(oracle.core(formula.clause_ids)) <= set(formula.clause_ids)


def test_an_unsatisfiable_formula_has_no_model():
    with SatOracle(SMALL) as oracle, pytest.raises(MechvalError, match="has no model"):
        oracle.model(UNSATISFIABLE_IDS[0])


def test_a_satisfiable_formula_has_no_core():
    with SatOracle(SMALL) as oracle, pytest.raises(MechvalError, match="has no core"):
        oracle.core(SATISFIABLE_IDS[0])


@pytest.mark.parametrize(
    ("answer", "clause_ids"), [(True, UNSATISFIABLE_IDS), (False, SATISFIABLE_IDS)]
)
def test_a_label_that_contradicts_the_truth_table_names_the_formula(
    monkeypatch, answer, clause_ids
):
    message = rf"formula \[{', '.join(map(str, clause_ids[0]))}\] contradicts the truth table"
    with SatOracle(SMALL) as oracle:
        monkeypatch.setattr(oracle, "_solver", LyingSolver(answer, [1, 2, 3]))
        with pytest.raises(OracleDisagreementError, match=message):
            oracle.label(clause_ids)


@pytest.mark.parametrize("model", [[-1, -2, 3], [2, 1, 3], [0, 0, 0]])
def test_a_model_that_leaves_a_clause_false_names_the_formula(monkeypatch, model):
    message = r"formula \[0, 0, 0, 0\] contradicts the solver's own model"
    with SatOracle(SMALL) as oracle:
        monkeypatch.setattr(oracle, "_solver", LyingSolver(True, model))
        with pytest.raises(OracleDisagreementError, match=message):
            oracle.label(SATISFIABLE_IDS)
