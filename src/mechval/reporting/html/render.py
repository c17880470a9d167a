"""Sections as HTML: their Markdown, with sortable tables, pictures and charts in its place."""

import math
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from markdown_it import MarkdownIt
from markupsafe import Markup

from mechval.axioms import Verdict
from mechval.errors import MechvalError
from mechval.reporting import report
from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.html.answers import evidence, is_trivial
from mechval.reporting.report import Chart, Figure, RunFiles, Section
from mechval.reporting.shown import Shown, by, significant, told

# Characters that no text has: they survive Markdown and say which part stands there.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PLAIN = " /;,=()"
_PLACE = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_OWN_PARAGRAPH = re.compile(f"<p>((?:{_OPEN}\\d+{_CLOSE}\\s*)+)</p>")
_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_PARSER.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
_PARSER.add_render_rule("table_close", lambda *_: "</table></div>\n")
_HUNDREDTHS = re.compile(r"(\d\.\d\d)\d+")
PALEST = 1e-5
"""ε at and below this have the palest colour."""
DEVIATIONS = "deviations.html"
"""Beside the studies' folders: the list that every page links."""
_UP = "../../../"
_FIGURE = re.compile(r"figures/([\w-]+)\.svg")
_DEVIATION = re.compile(r".*DEVIATIONS\.md(?:#([a-z]\d+))?.*")


@dataclass(frozen=True)
class Rendered:
    """A section ready for a page: its element's id, and the HTML of all below the heading."""

    id: str
    title: str
    html: str
    sources: tuple[str, ...] = ()

    @property
    def stages(self) -> list[str]:
        """The stages that wrote the sources."""
        return list(dict.fromkeys(name.partition("/")[0] for name in self.sources))


def make_section(maker: report.Maker, package: str, files: RunFiles) -> Rendered | None:
    """A section, or the sentence that says why there is none."""
    try:
        section = report.make_section(maker, files)
        return None if section is None else render_section(section, package, files)
    except MechvalError as error:
        title = maker.__name__.strip("_").replace("_", " ").capitalize()
        return Rendered(identifier(title), title, notice(str(error)))


def render_section(section: Section, package: str, files: RunFiles | None = None) -> Rendered:
    """A section whose parts stand where its template names them.

    Figures are those that the report drew; without ``files`` they are drawn here.
    """
    place, found = identifier(section.title), []

    def put(part: Any) -> str:
        if isinstance(part, Shown):
            html = table(part, f"table-{place}-{len(found)}")
        elif isinstance(part, Figure):
            html = _picture(part, files) if files else _drawn_picture(part)
        elif isinstance(part, Chart):
            html = chart(part)
        else:
            return told(part)
        found.append(html)
        return f"{_OPEN}{len(found) - 1}{_CLOSE}"

    text = report.section_text(section, package, put)
    html = _OWN_PARAGRAPH.sub(r"\1", markdown(text))
    html = _PLACE.sub(lambda match: found[int(match[1])], html)
    return Rendered(place, section.title, html, section.sources)


def fold_parts(section: Rendered) -> Rendered:
    """The section with what stands below each heading of its own folded.

    >>> fold_parts(Rendered("a", "A", "<p>x</p><h3>B</h3><p>y</p>")).html
    '<p>x</p><details><summary><h3>B</h3></summary><p>y</p></details>'
    """
    head, *parts = re.split("(?=<h3>)", section.html)
    folded = (part.replace("</h3>", "</h3></summary>", 1) for part in parts)
    html = head + "".join(f"<details><summary>{part}</details>" for part in folded)
    return replace(section, html=html)


def identifier(title: str) -> str:
    """The id of an element.

    >>> identifier("Paper versus measured")
    'paper-versus-measured'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def markdown(text: str) -> str:
    """Markdown as HTML; markup in it is text, and links to deviations lead to their page."""
    tokens = _PARSER.parse(text)
    for child in (child for token in tokens for child in token.children or ()):
        if child.type == "link_open":
            child.attrSet("href", on_page(str(child.attrGet("href"))))
    return _PARSER.renderer.render(tokens, _PARSER.options, {})


def deviations(path: Path) -> Rendered:
    """The list of deviations, each with its number as id; told if it is missing."""
    place, title = "deviations", "Deviations from the paper"
    if not path.is_file():
        return Rendered(place, title, f"<p>{path.name} is missing here, so none are shown.</p>")
    _, _, text = path.read_text(encoding="utf-8").partition("\n")
    html = re.sub(r"<(/?)h([2-5])>", lambda m: f"<{m[1]}h{int(m[2]) + 1}>", markdown(text))
    html = re.sub(r"<h4>(\w+)\.", r'<h4 id="\1">\1.', html)
    return Rendered(place, title, html)


def table(shown: Shown, place: str = "") -> str:
    """A table, sortable by its heads if it has an id."""
    return macros().table(shown, place)


def chart(drawn: Chart) -> str:
    """Axiom tables as shaded cells, one at a time, the first first, chosen from a menu."""
    cells = [cell for own in drawn.groups.values() for cell in own]
    shuffled = any(cell.verdict is Verdict.SHUFFLED_PASSES for cell in cells)
    as_well = f"a constant answer{' or a shuffled program' if shuffled else ''} does as well"
    # However pale its cell, an ε that means nothing is marked.
    note = f" ✗: {as_well}." if any(map(is_trivial, cells)) else ""
    caption = f"{drawn.caption}, {evidence(cells)}; dark is worse.{note}"
    axes = by(cells, "axiom"), by(cells, "component")
    return macros().chart(f"chart-{drawn.name}", caption, drawn.groups, *axes)


def shade(epsilon: float) -> float:
    """Where an ε lies between the palest (0) and the darkest (1) shade.

    >>> shade(1.0), shade(0.0)
    (1.0, 0.0)
    """
    return 1 - math.log10(max(epsilon, PALEST)) / math.log10(PALEST)


def notice(sentence: str) -> str:
    """A sentence that says what cannot be shown."""
    return macros().notice(sentence)


@cache
def environment() -> Environment:
    """The templates of pages."""
    made = report.environment(loader=PackageLoader("mechval.reporting.html"), autoescape=True)
    for filtered in (on_page, identifier, told, significant, shade, is_trivial):
        made.filters[filtered.__name__] = filtered
    made.filters["inline"] = _inline
    return made


def macros() -> Any:
    """The macros that all pages share."""
    return environment().get_template("macros.html.j2").module


def on_page(link: str) -> str:
    """A link as it is on a run's page: figures are on it, and the list of deviations is a page
    beside the index.

    >>> on_page("../../../../docs/DEVIATIONS.md#d3-coverage-counts-questions"), on_page("../x.csv")
    ('../../../deviations.html#D3', '../x.csv')
    >>> on_page("figures/sparsity.svg")
    '#figure-sparsity'
    """
    if figure := _FIGURE.fullmatch(link):
        return f"#figure-{figure[1]}"
    match = _DEVIATION.fullmatch(link)
    if match is None:
        return link
    return f"{_UP}{DEVIATIONS}#{match[1].upper() if match[1] else 'deviations'}"


def _inline(text: str) -> Markup:
    """A cell; one that names a deviation leads to it."""
    html = _PARSER.renderInline(text)
    place = f"{_UP}{DEVIATIONS}#{html}"
    return Markup(f'<a href="{place}">{html}</a>' if re.fullmatch(r"[DU]\d+", html) else html)


def _picture(figure: Figure, files: RunFiles) -> str:
    try:
        path = files.folder("report") / "figures" / f"{figure.name}.svg"
    except MechvalError as error:
        return notice(f"Figure {figure.name}: {error}")
    if not path.is_file():
        return notice(f"Figure {figure.name} is not there; run: +stage=report.")
    return macros().picture(figure, _address(path))


def _drawn_picture(figure: Figure) -> str:
    with figure_style(), TemporaryDirectory() as folder:
        save_figure(figure.draw(), Path(folder), figure.name)
        address = _address(Path(folder) / f"{figure.name}.svg")
    return macros().picture(figure, address, is_file=False)


def _address(path: Path) -> str:
    # A page must stay small: this is shorter than base64, and a hundredth of a pixel is enough.
    drawn = _HUNDREDTHS.sub(r"\1", " ".join(path.read_text(encoding="utf-8").split()))
    return f"data:image/svg+xml,{quote(drawn, safe=_PLAIN)}"
