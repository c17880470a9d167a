"""Formulas as people write them: ``(x0 | ~x1) & (~x2 | x4)`` or DIMACS.

Every refusal shows the line, a caret under the character, and one sentence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer
from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedToken

from mechval.errors import MechvalError
from mechval.two_sat.formulas.solver import signed_clauses
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.problem import Problem, clause_ids_of_literal_pairs, clause_literals

_INFIX = r"""
formula: clause (AND clause)*
clause: OPEN literal OR literal CLOSE
literal: NOT? VARIABLE
VARIABLE: /[^\W\d]\w*/
NOT.1: /[~¬!-]|not\b/i
AND.1: /&&?|∧|and\b/i
OR.1: /\|\|?|∨|(or|v)\b/i
OPEN: "("
CLOSE: ")"
%ignore /\s+/
"""
_DIMACS = r"""
formula: HEADER? clause+
clause: literal literal ZERO
literal: VARIABLE
HEADER: /p[ \t]+cnf[ \t]+\d{1,9}[ \t]+\d{1,9}(?!\d)/
VARIABLE: /-?[1-9]\d*/
ZERO: /0(?!\d)/
%ignore /(?m:^)c[^\n]*/
%ignore /c(?=\s)[^\n]*/
%ignore /%\s*(0\s*)?\Z/
%ignore /\s+/
"""
_WORDS = {
    "VARIABLE": "a variable",
    "NOT": "'~'",
    "AND": "'&'",
    "OR": "'|'",
    "OPEN": "'('",
    "CLOSE": "')'",
    "ZERO": "the 0 that ends a clause",
    "HEADER": "the line p cnf",
    "$END": "the end",
}
_TWO = "a clause has exactly two literals"
_EXCERPT = 72
_DIGITS = 9
_BYTE_ORDER_MARK = "\ufeff"

MOST_CHARACTERS = 65_536
"""Of a text; the longest formula that a network knows has far fewer."""


class FormulaError(MechvalError):
    """A formula that cannot be read. ``position``: of the character it fails at, from 0; the text's
    length for its end."""

    def __init__(self, text: str, position: int, sentence: str):
        self.position = position
        super().__init__(f"formula, {_place(text, position)}: {sentence}.\n{_show(text, position)}")


@dataclass(frozen=True)
class WrittenFormula:
    """What was written, before it is made as long as the network's formulas. ``clause_ids``: rows
    of :func:`~mechval.two_sat.problem.clause_literals`, in written order. ``n_swapped``: clauses
    whose larger variable was written first; the network knows the other order only.
    ``is_dimacs``: variables were written as 1 …, not as x0 …."""

    clause_ids: tuple[int, ...]
    n_swapped: int
    is_dimacs: bool = False


class _Literal(NamedTuple):
    variable: int
    token: int
    position: int


def read_formula(problem: Problem, text: str) -> WrittenFormula:
    """Read a formula of at most ``n_clauses`` clauses.

    ``problem``: its variables are ``x0`` (or ``x_0``) … in a formula, 1 … in DIMACS. ``text``: is
    read as DIMACS if it begins with a number, a ``c`` or a ``p`` line; a byte-order mark and the
    ``%`` that ends the files of SATLIB are passed over. Raises FormulaError at the first character
    that is wrong, for a variable that does not exist or is beyond those of the header, for a clause
    that has one variable twice, and at a clause too many; MechvalError for a text of more than
    ``MOST_CHARACTERS``.

    >>> read_formula(Problem(n_variables=3, n_clauses=4), "(x0 | x1) & (x1 | ~x0)").clause_ids
    (0, 2)
    >>> read_formula(Problem(n_variables=3, n_clauses=4), "p cnf 3 1  1 2 0").clause_ids
    (0,)
    """
    if len(text) > MOST_CHARACTERS:
        raise MechvalError(
            f"the formula has {len(text):,} characters; allowed: at most {MOST_CHARACTERS:,}."
        )
    text = text.removeprefix(_BYTE_ORDER_MARK)
    is_dimacs = re.match(r"\s*(c(\s|\w+\s|$)|p\s|-?\d)", text) is not None
    tree = _parse(text, is_dimacs)
    clauses = [part for part in tree.children if isinstance(part, Tree)]
    _check_length(problem, text, tree, clauses)
    _check_header(text, tree)
    table = clause_ids_of_literal_pairs(problem)
    clause_ids, n_swapped = [], 0
    for clause in clauses:
        written = [_literal(problem, text, part) for part in clause.find_data("literal")]
        first, second = sorted(written)
        if first.variable == second.variable:
            sentence = "the clause has this variable twice; allowed: two different variables"
            raise FormulaError(text, written[1].position, sentence)
        clause_ids.append(int(table[first.token, second.token]))
        n_swapped += written[0].variable > written[1].variable
    return WrittenFormula(tuple(clause_ids), n_swapped, is_dimacs)


def dimacs_text(
    problem: Problem,
    clause_ids: Integer[np.ndarray, " clause_position"],
    comments: Sequence[str] = (),
) -> str:
    """Write one formula as DIMACS, comments first; order and repetitions of clauses are kept.

    >>> print(dimacs_text(Problem(n_variables=3, n_clauses=4), np.array([0, 0, 3, 9]), ["why"]))
    c why
    p cnf 3 4
    1 2 0
    1 2 0
    -1 -2 0
    2 -3 0
    """
    clauses = signed_clauses(problem)[clause_ids].tolist()
    lines = [f"c {comment}" for comment in comments]
    lines.append(f"p cnf {problem.n_variables} {len(clauses)}")
    lines += [f"{first} {second} 0" for first, second in clauses]
    return "\n".join(lines)


def random_formula(problem: Problem, seed: int) -> WrittenFormula:
    """Draw ``n_clauses`` independent clauses, as the corpora are drawn."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(problem.n_distinct_clauses, size=problem.n_clauses)
    return WrittenFormula(tuple(drawn.tolist()), 0)


def complete_formula(problem: Problem, written: WrittenFormula) -> tuple[int, ...]:
    """Repeat the last clause until there are ``n_clauses``: the same models, the same answer. The
    network was trained on exactly so many clauses, and clauses may repeat there."""
    missing = problem.n_clauses - len(written.clause_ids)
    return (*written.clause_ids, *written.clause_ids[-1:] * missing)


def write_clause(problem: Problem, clause_id: int) -> str:
    """The clause with this id, as :func:`read_formula` reads it.

    >>> write_clause(Problem(n_variables=5, n_clauses=10), 1)
    '(x0 ∨ ¬x1)'
    """
    first, second = clause_literals(problem)[clause_id]
    return write_pair(problem, int(first) * problem.n_literals + int(second))


def write_pair(problem: Problem, pair: int) -> str:
    """The ordered pair of literals ``first * n_literals + second``, written as a clause."""
    symbols = Vocabulary(problem).symbols
    first, second = divmod(pair, problem.n_literals)
    return f"({symbols[first]} ∨ {symbols[second]})"


@cache
def _parser(is_dimacs: bool) -> Lark:
    return Lark(_DIMACS if is_dimacs else _INFIX, start="formula", parser="lalr", lexer="basic")


def _parse(text: str, is_dimacs: bool) -> Tree[Token]:
    try:
        return _parser(is_dimacs).parse(text)
    except UnexpectedCharacters as error:
        position = error.pos_in_stream
        raise FormulaError(
            text, position, f"{text[position]!r} has no place in a formula"
        ) from None
    except UnexpectedToken as error:
        at_end = error.token.type == "$END"
        position = len(text.rstrip()) if at_end else int(error.token.start_pos or 0)
        sentence = _misplaced(text, error, position)
        raise FormulaError(text, position, sentence) from None


def _misplaced(text: str, error: UnexpectedToken, position: int) -> str:
    allowed, found = error.accepts or error.expected, error.token.type
    words = " or ".join(_WORDS[name] for name in sorted(allowed, key=list(_WORDS).index))
    is_third = (found, "CLOSE" in allowed) == ("OR", True) or (
        (found, "ZERO" in allowed) == ("VARIABLE", True)
    )
    if is_third:
        return f"{_TWO}, this one has a third; allowed: {words}"
    if "CLOSE" in allowed:
        opened = text.rfind("(", 0, position) + 1
        return f"the '(' at character {opened} is not closed; allowed: {words}"
    if found in ("CLOSE", "ZERO") and not {"AND", "$END"} & set(allowed):
        return f"{_TWO}, this one has fewer; allowed: {words}"
    what = "the formula ends here" if found == "$END" else f"{str(error.token)!r} is misplaced"
    return f"{what}; allowed: {words}"


def _check_length(
    problem: Problem, text: str, tree: Tree[Token], clauses: list[Tree[Token]]
) -> None:
    if len(clauses) > problem.n_clauses:
        extra = next(clauses[problem.n_clauses].scan_values(lambda part: True))
        raise FormulaError(
            text,
            int(extra.start_pos or 0),
            f"this is clause {problem.n_clauses + 1}; allowed: at most {problem.n_clauses}, the "
            "number that the network was trained on",
        )
    header = tree.children[0]
    if isinstance(header, Token) and int(header.split()[-1]) != len(clauses):
        raise FormulaError(
            text,
            int(header.start_pos or 0),
            f"this line promises {header.split()[-1]} clauses; allowed: {len(clauses)}, as many as "
            "follow",
        )


def _check_header(text: str, tree: Tree[Token]) -> None:
    """That no variable is beyond those that a DIMACS header declares."""
    header = tree.children[0]
    if not isinstance(header, Token):
        return
    declared = int(header.split()[2])
    for token in tree.scan_values(lambda part: isinstance(part, Token) and part.type == "VARIABLE"):
        number = token.lstrip("-")
        if len(number) > _DIGITS or int(number) > declared:
            sentence = f"{str(token)!r} is beyond the variables that line p cnf declares; allowed: "
            raise FormulaError(text, int(token.start_pos or 0), f"{sentence}1 to {declared}")


def _literal(problem: Problem, text: str, literal: Tree[Token]) -> _Literal:
    name = re.sub(r"^[xX]_?(?=\d)", "x", str(literal.children[-1]))
    position = int(getattr(literal.children[-1], "start_pos", 0))
    is_number = name.lstrip("-").isdigit()
    variables = [str(v + 1) if is_number else f"x{v}" for v in range(problem.n_variables)]
    if name.lstrip("-") not in variables:
        raise FormulaError(
            text, position, f"{name!r} is no variable; allowed: {', '.join(variables)}"
        )
    is_negated = name.startswith("-") or len(literal.children) > 1
    variable = variables.index(name.lstrip("-"))
    return _Literal(variable, variable + problem.n_variables * is_negated, position)


def _place(text: str, position: int) -> str:
    line, column = _line_and_column(text, position)
    where = f"character {column + 1}"
    return f"line {line + 1}, {where}" if "\n" in text.strip() else where


def _show(text: str, position: int) -> str:
    """The line, cut to what fits, and a caret under the character."""
    line, column = _line_and_column(text, position)
    start = max(0, column - _EXCERPT // 2)
    # A tab or another control character would move the caret away from its character.
    shown = "".join(c if c.isprintable() else " " for c in text.split("\n")[line])
    margin = "… " if start else "  "
    return f"{margin}{shown[start : start + _EXCERPT]}\n  {' ' * (column - start)}^"


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n"), position - (before.rfind("\n") + 1)
