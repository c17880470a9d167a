"""CAE's own metric on planted faults."""

import pytest

from mechval.instruments.cae_metric import OUTSIDE
from mechval.instruments.toys import make_toys
from tests.cae_adapter import causal_abstraction_error
from tests.unit.instruments.test_matrix import RESULTS

TOYS = {toy.name: toy for toy in make_toys()}
RIGHT = [name for name, toy in TOYS.items() if toy.is_sound]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_claim_has_no_error(name: str) -> None:
    for is_faithful in (False, True):
        found = causal_abstraction_error(TOYS[name], is_faithful=is_faithful, n_samples=40)
        assert found == 0


def test_a_claim_that_is_wrong_at_one_state_of_three_errs_as_often() -> None:
    found = causal_abstraction_error(TOYS["E5"], is_faithful=False)
    assert found == pytest.approx(1 / 3, abs=0.08)


def test_what_no_variable_is_carried_by_is_seen_by_the_faithful_form_alone() -> None:
    plain, faithful = (
        causal_abstraction_error(TOYS["illusion"], is_faithful=each) for each in (False, True)
    )
    assert plain == 0 < faithful


def test_the_table_has_every_planted_fault() -> None:
    rows = {row.organism: row for row in OUTSIDE.read(RESULTS)}
    assert list(rows) == list(TOYS)
    assert all(rows[name].plain == rows[name].faithful == 0 for name in RIGHT)
    assert all(max(row.plain, row.faithful) > 0 for row in rows.values() if not row.is_sound)
