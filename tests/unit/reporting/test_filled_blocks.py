"""Blocks between markers are made anew, and nothing else is touched."""

import pytest

from mechval.errors import MechvalError
from mechval.reporting.filled_blocks import fill

TEXT = "above\n\n<!-- results:one -->\n| old |\n<!-- /results:one -->\n\nbelow 0.5\n"
BLOCKS = {"one": lambda: "| new |\n", "two": lambda: "unused"}


def test_what_stands_between_the_markers_is_replaced() -> None:
    assert fill(TEXT, BLOCKS) == TEXT.replace("old", "new")


def test_a_filled_text_stays_as_it_is() -> None:
    filled = fill(TEXT, BLOCKS)
    assert fill(filled, BLOCKS) == filled


def test_an_edited_numeral_is_found_out() -> None:
    filled = fill(TEXT, {"one": lambda: "| 0.5 |"})
    assert fill(filled.replace("| 0.5 |", "| 0.4 |"), {"one": lambda: "| 0.5 |"}) == filled


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<!-- results:three -->\n<!-- /results:three -->", "results:three is made by nothing"),
        ("<!-- results:one -->\n", "results:one has no end"),
        ("<!-- /results:one -->", "results:one has no end"),
    ],
)
def test_markers_that_lead_nowhere_are_refused(text: str, fault: str) -> None:
    with pytest.raises(MechvalError, match=fault):
        fill(text, BLOCKS)
