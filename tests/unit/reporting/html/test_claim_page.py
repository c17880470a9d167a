"""The page of a claim of one's own answers four questions, and shows where the claim fails."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.bring_your_own import INPUTS, Reverser, interpret, label
from mechval import axioms as mv
from mechval.reporting.html.claim_page import build_claim_page


def written(claims: Sequence[mv.Interpretation], folder: Path) -> str:
    result = mv.validate(claims, INPUTS, domain_size=81)
    controls = [mv.run_controls(claim, INPUTS) for claim in claims]
    page = build_claim_page(folder, "toy:question", claims, result, controls, {"seed": "<0>"})
    return page.read_text(encoding="utf-8")


def answers(page: str) -> dict[str, str]:
    """The verdicts of the answers by their element."""
    found = re.findall(r'<article .*? id="(\S+)">.*?class="verdict">(.*?)</p>', page, re.DOTALL)
    return dict(found)


@pytest.fixture(scope="module")
def reversal() -> mv.Interpretation:
    return interpret(Reverser())


@pytest.fixture(scope="module")
def rivals(reversal: mv.Interpretation, tmp_path_factory: pytest.TempPathFactory) -> str:
    wrong = replace(reversal, name="a <copy>", abstract=(mv.identity, mv.identity, label))
    return written([reversal, wrong], tmp_path_factory.mktemp("page"))


def test_four_questions_are_answered_for_each_claim(rivals: str) -> None:
    assert answers(rivals) == {
        "answer-confirmed": "Confirmed, up to simultaneous ε = 0",
        "answer-weakest": answers(rivals)["answer-weakest"],
        "answer-controls": "Nothing that was tried",
        "answer-failure": answers(rivals)["answer-failure"],
        "a-copy-confirmed": "Confirmed in part",
        "a-copy-weakest": answers(rivals)["a-copy-weakest"],
        "a-copy-controls": answers(rivals)["a-copy-controls"],
        "a-copy-failure": "5 of 8 cells fail already",
    }
    assert re.fullmatch(r"\d+ of \d+ cells of controls", answers(rivals)["a-copy-controls"])


def test_network_and_program_are_drawn_side_by_side(rivals: str) -> None:
    assert "<b>t<sub>2</sub></b><br>hook_attn_out" in rivals
    assert "<b>h<sub>2</sub> attend</b><br>reverse" in rivals


def test_where_a_claim_fails_is_shown_in_tables_that_can_be_sorted(rivals: str) -> None:
    assert "<h3>component equivalence/attend: 72 of 81</h3>" in rivals
    _, _, below = rivals.partition("<h3>component equivalence/attend: 72 of 81</h3>")
    table, _, _ = below.partition("</table>")
    assert 'class="sortable" id="table-where-a-copy-fails-' in table
    assert re.findall(r"<td>(\[\d\])</td>", table) == ["[0]", "[1]", "[2]", "[3]"]


def test_markup_in_names_is_text(rivals: str) -> None:
    assert "<copy>" not in rivals
    assert "a &lt;copy&gt;" in rivals
    assert "&lt;0&gt;" in rivals


def test_a_cell_that_a_shuffled_program_passes_does_not_confirm(
    reversal: mv.Interpretation, tmp_path: Path
) -> None:
    nothing = mv.Equivalence("nothing", lambda first, second: torch.zeros(len(first)))
    vacuous = replace(
        reversal, equivalences=(*reversal.equivalences[:1], nothing, *reversal.equivalences[2:])
    )
    page = written([vacuous], tmp_path)
    assert answers(page)["answer-confirmed"] == "Not confirmed"
    assert "Not holding: embed, prefix equivalence" in page
    assert "shuffled program in embed, prefix equivalence" in page
    assert "a constant answer or a shuffled program does as well" in page
