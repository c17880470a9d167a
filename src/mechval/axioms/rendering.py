"""Rows of texts as a table: for a terminal, as Markdown and as LaTeX."""

from collections.abc import Sequence

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"ε": r"$\varepsilon$", "γ": r"$\gamma$", "≤": r"$\leq$", "‖": r"$\Vert$"},
}


def as_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, two spaces apart, the heads underlined."""
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["─" * width for width in widths])
    padded = (zip(line, widths, strict=True) for line in lines)
    return "\n".join("  ".join(c.ljust(w) for c, w in line).rstrip() for line in padded)


def as_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of GitHub's Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([text.replace("|", "\\|") for text in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def as_latex(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A ``tabular`` that needs no package."""
    heads, *body = (" & ".join(map(_latex, line)) + r" \\" for line in (columns, *rows))
    start = rf"\begin{{tabular}}{{{'l' * len(columns)}}}"
    return "\n".join([start, r"\hline", heads, r"\hline", *body, r"\hline", r"\end{tabular}"])


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
