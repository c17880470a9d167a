import pytest
import torch

from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.problem import Problem
from tests.formulas import DRAWABLE_FORMULAS, NamedFormula

PAPER = Problem(n_variables=5, n_clauses=10)
SMALL = Problem(n_variables=3, n_clauses=4)
SIZES = [Problem(n_variables=n, n_clauses=m) for n, m in ((3, 4), (3, 20), (8, 4), (8, 20))]


def _tokens(formula: NamedFormula) -> torch.Tensor:
    """Write a formula token by token, independently of the module under test."""
    n = formula.problem.n_literals
    clauses = [[n, *pair, n + 1] for pair in formula.literal_pairs.tolist()]
    return torch.tensor([[token for clause in clauses for token in clause] + [n + 2]])


def test_the_paper_vocabulary_has_sixteen_tokens():
    assert Vocabulary(PAPER).d_vocab == 16


def test_the_paper_marks_follow_the_literals():
    vocabulary = Vocabulary(PAPER)
    assert [
        vocabulary.left_parenthesis,
        vocabulary.right_parenthesis,
        vocabulary.colon,
        vocabulary.satisfiable,
        vocabulary.unsatisfiable,
        vocabulary.padding,
    ] == [10, 11, 12, 13, 14, 15]


def test_symbols_are_written_as_in_the_paper():
    assert "".join(Vocabulary(PAPER).symbols) == "x0x1x2x3x4¬x0¬x1¬x2¬x3¬x4():su#"


@pytest.mark.parametrize("problem", SIZES, ids=str)
def test_every_token_has_a_symbol(problem):
    vocabulary = Vocabulary(problem)
    assert len(set(vocabulary.symbols)) == vocabulary.d_vocab


def test_the_paper_formula_has_forty_one_tokens():
    assert FormulaLayout(PAPER).n_ctx == 41


def test_the_paper_second_literals_stand_at_every_fourth_position_from_two():
    assert FormulaLayout(PAPER).second_literal_positions == tuple(range(2, 40, 4))


@pytest.mark.parametrize("problem", SIZES, ids=str)
def test_first_literals_stand_right_before_the_second(problem):
    layout = FormulaLayout(problem)
    assert layout.first_literal_positions == tuple(p - 1 for p in layout.second_literal_positions)


@pytest.mark.parametrize("problem", SIZES, ids=str)
def test_every_clause_has_a_second_literal(problem):
    assert len(FormulaLayout(problem).second_literal_positions) == problem.n_clauses


@pytest.mark.parametrize("problem", SIZES, ids=str)
def test_the_answer_is_predicted_at_the_last_position(problem):
    layout = FormulaLayout(problem)
    assert layout.answer_position == layout.n_ctx - 1


@pytest.mark.parametrize("formula", DRAWABLE_FORMULAS, ids=lambda formula: formula.name)
def test_a_formula_is_written_clause_by_clause(formula):
    tokens = encode_formulas(formula.problem, torch.tensor(formula.clause_ids[None]))
    assert torch.equal(tokens, _tokens(formula))


def test_clause_ids_stored_as_bytes_are_ids_and_not_a_mask():
    clause_ids = torch.tensor([[0, 1, 1, 0]])
    as_bytes = encode_formulas(SMALL, clause_ids.to(torch.uint8))
    assert torch.equal(as_bytes, encode_formulas(SMALL, clause_ids))


def test_no_formula_encodes_to_no_tokens():
    assert encode_formulas(SMALL, torch.empty(0, 4, dtype=torch.uint8)).shape == (0, 17)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA; un-skip on a GPU machine")
def test_formulas_on_the_gpu_are_encoded_there():
    clause_ids = torch.tensor([[0, 1, 2, 3]], device="cuda")
    assert encode_formulas(SMALL, clause_ids).device == clause_ids.device
