"""Formulas as text: what is read, and at which character anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.errors import MechvalError
from mechval.two_sat.formulas.text import (
    FormulaError,
    WrittenFormula,
    complete_formula,
    random_formula,
    read_formula,
    write_clause,
)
from mechval.two_sat.problem import Problem, clause_literals

PROBLEM = Problem(n_variables=5, n_clauses=10)
IDS = st.lists(st.integers(0, PROBLEM.n_distinct_clauses - 1), min_size=1, max_size=10)
ELEVEN = " & ".join(["(x0 | x1)"] * 11)
ELEVEN_DIMACS = "1 2 0\n" * 11


def dimacs(clause_id: int) -> str:
    n = PROBLEM.n_variables
    signed = [v + 1 if v < n else n - v - 1 for v in clause_literals(PROBLEM)[clause_id]]
    return " ".join(map(str, [*signed, 0]))


@given(IDS)
def test_what_is_written_is_read_back(ids: list[int]) -> None:
    text = " & ".join(write_clause(PROBLEM, clause_id) for clause_id in ids)
    assert read_formula(PROBLEM, text) == WrittenFormula(tuple(ids), 0)


@given(IDS)
def test_dimacs_says_the_same(ids: list[int]) -> None:
    text = f"c made here\np cnf 5 {len(ids)}\n" + "\n".join(map(dimacs, ids))
    assert read_formula(PROBLEM, text) == WrittenFormula(tuple(ids), 0, is_dimacs=True)


FOREIGN = [
    *("(x0 v ~x1)", "(x0 || ~x1)", "(x0 or !x1)", "(x0 OR not x1)", "(x_0 | ¬x_1)", "(X0|-X1)"),
    *(
        "1 -2 0\n%\n0\n",
        "\ufeff1 -2 0",
        "c\nc--\np cnf 5 1\nc in between\n1 -2 0\nc",
        "1 c x\n-2 0",
    ),
    *("comment first\np cnf 5 1\n1 -2 0\n%", "p  cnf\t7 1\r\n1 -2 0\r\n"),
]


@pytest.mark.parametrize("text", FOREIGN)
def test_what_other_programs_write_is_read(text: str) -> None:
    assert read_formula(PROBLEM, text).clause_ids == (1,)


@pytest.mark.parametrize("sign", ["&", "&&", "and", "AND", "∧"])
def test_each_sign_of_and_is_read(sign: str) -> None:
    assert read_formula(PROBLEM, f"(x0 | x1) {sign} (x0 | ~x1)").clause_ids == (0, 1)


@pytest.mark.parametrize(
    ("text", "position", "sentence"),
    [
        (
            "p cnf 2 1\n1 3 0",
            12,
            "'3' is beyond the variables that line p cnf declares; allowed: 1 t",
        ),
        ("p cnf 99999999999 1\n1 2 0", 0, "has no place"),
        (f"1 {'9' * 5000} 0", 2, "is no variable"),
        (f"p cnf 5 1 {'9' * 5000} 1 0", 10, "is beyond the variables"),
    ],
)
def test_absurd_numbers_are_refused_where_they_are(text: str, position: int, sentence: str) -> None:
    with pytest.raises(FormulaError) as refusal:
        read_formula(PROBLEM, text)
    assert refusal.value.position == position
    assert sentence in str(refusal.value)


def test_a_text_of_ten_megabytes_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mechval.two_sat.formulas.text._parse", None)
    with pytest.raises(MechvalError, match="the formula has 10,000,010 characters; allowed: at m"):
        read_formula(PROBLEM, "(x0 | x1) " * 1_000_001)


@given(st.text(alphabet="(x0123~|& )\n-pcnf", max_size=30))
def test_any_text_is_read_or_refused_at_a_character(text: str) -> None:
    refusal: FormulaError | None = None
    try:
        assert read_formula(PROBLEM, text).clause_ids
    except FormulaError as error:
        refusal = error
    if refusal is not None:
        assert 0 <= refusal.position <= len(text)
        assert str(refusal).splitlines()[-1].strip() == "^"


@pytest.mark.parametrize("text", ["(x1|x0)", "( x1 | x0 )", "2 1 0", "(x1 ∨ x0)"])
def test_the_literals_of_a_clause_are_put_in_the_networks_order(text: str) -> None:
    found = read_formula(PROBLEM, text)
    assert (write_clause(PROBLEM, found.clause_ids[0]), found.n_swapped) == ("(x0 ∨ x1)", 1)


@pytest.mark.parametrize("sign", ["~", "¬", "!"])
def test_each_sign_of_negation_is_read(sign: str) -> None:
    (clause_id,) = read_formula(PROBLEM, f"({sign}x0 | x1)").clause_ids
    assert write_clause(PROBLEM, clause_id) == "(¬x0 ∨ x1)"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("(x0 | x7) & (x1 | x2)", 6, "'x7' is no variable; allowed: x0, x1, x2, x3, x4"),
        ("(y | x1)", 1, "'y' is no variable"),
        ("(x0 | x1 | x2)", 9, "exactly two literals, this one has a third"),
        ("(x0)", 3, "exactly two literals, this one has fewer"),
        ("(x1 | x2) & (x0 | x1 & (x2 | x3)", 21, r"the '\(' at character 13 is not closed"),
        ("(x0 | x1", 8, r"the '\(' at character 1 is not closed"),
        (ELEVEN, 120, "this is clause 11; allowed: at most 10"),
        ("(x0 | ~x0)", 7, "this variable twice"),
        ("(x0 | x1) (x2 | x3)", 10, r"'\(' is misplaced; allowed: '&' or the end"),
        ("(x0 | x1))", 9, r"'\)' is misplaced"),
        ("(x0 | x1) &", 11, "the formula ends here"),
        ("(x0 | 3)", 6, "'3' has no place"),
        ("", 0, "the formula ends here"),
        (
            "p cnf 5 1\n1 9 0",
            12,
            "'9' is beyond the variables that line p cnf declares; allowed: 1 to 5",
        ),
        ("1 9 0", 2, "'9' is no variable; allowed: 1, 2, 3, 4, 5"),
        ("1 2 3 0", 4, "has a third"),
        ("1 2 0 3 0", 8, "has fewer"),
        ("1 2", 3, "the formula ends here; allowed: the 0 that ends a clause"),
        (ELEVEN_DIMACS, 60, "this is clause 11"),
        ("p cnf 5 3\n1 2 0", 0, "this line promises 3 clauses; allowed: 1"),
    ],
)
def test_a_wrong_formula_is_refused_at_its_character(
    text: str, position: int, message: str
) -> None:
    with pytest.raises(FormulaError, match=message) as refusal:
        read_formula(PROBLEM, text)
    assert refusal.value.position == position


def test_the_caret_stands_under_the_character() -> None:
    with pytest.raises(FormulaError) as refusal:
        read_formula(PROBLEM, "p cnf 5 2\n1 -2 0\n3 9 0\n")
    told, line, caret = str(refusal.value).splitlines()
    assert told.startswith("formula, line 3, character 3:")
    assert line[caret.index("^")] == "9"


def test_a_long_line_is_cut_around_the_character() -> None:
    with pytest.raises(FormulaError) as refusal:
        read_formula(PROBLEM, "(" + " " * 300 + "x9 | x1)")
    _, line, caret = str(refusal.value).splitlines()
    assert len(line) <= 80
    assert line[caret.index("^") :].startswith("x9")


def test_the_last_clause_is_repeated_up_to_the_networks_length() -> None:
    assert complete_formula(PROBLEM, WrittenFormula((3, 7), 0)) == (3,) + (7,) * 9
    whole = tuple(range(10))
    assert complete_formula(PROBLEM, WrittenFormula(whole, 0)) == whole


def test_a_seed_draws_one_formula() -> None:
    first, again, other = (random_formula(PROBLEM, seed) for seed in (3, 3, 4))
    assert first == again != other
    assert len(first.clause_ids) == PROBLEM.n_clauses
