import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechval.reporting.shown import markdown_of, show, significant


@given(st.floats(min_value=1e-12, max_value=1e9))
def test_three_digits_are_within_half_a_per_cent(value):
    assert float(significant(value)) == pytest.approx(value, rel=0.00501)


def test_a_bar_in_a_cell_does_not_split_it():
    assert markdown_of(show(["x|y"], ("a", str))).splitlines()[-1] == r"| x\|y |"


def test_a_number_column_is_aligned_to_the_right():
    assert markdown_of(show([1], ("a", str), ("n", int))).splitlines()[1] == "|---|---:|"


def test_a_field_in_backticks_is_set_as_code():
    shown = show([0.5j], "`imag` imag", ("number", "`imag`"))
    assert shown.header == ("imag", "imag", "number")
    assert [cell.text for cell in shown.rows[0]] == ["`0.5`", "0.500", "`0.5`"]
