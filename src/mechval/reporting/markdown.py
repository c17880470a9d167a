"""Pieces of Markdown: tables and numbers as people read them."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; a column whose title ends with ``:`` is aligned to the right.

    >>> print(markdown_table(["cell", "ε:"], [["parse", "0.04"]]))
    | cell | ε |
    |---|---:|
    | parse | 0.04 |
    """
    titles = [title.removesuffix(":") for title in header]
    rules = ["---:" if title.endswith(":") else "---" for title in header]
    lines = [_line(titles), "|" + "|".join(rules) + "|", *map(_line, rows)]
    return "\n".join(lines)


def significant(value: float) -> str:
    """Three significant digits, the way ε is printed in the paper.

    >>> significant(0.0000374), significant(0.0029), significant(123.4)
    ('3.74e-5', '0.00290', '123')
    """
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:#.3g}".partition("e")
    mantissa = mantissa.removesuffix(".")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
