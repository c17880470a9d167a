"""CAE's own metric on planted faults; only where the package is installed, which nothing needs."""

from types import ModuleType

import pytest

from mechval.instruments.outside_metric import OUTSIDE
from mechval.instruments.toys import make_toys
from tests.unit.instruments.test_matrix import RESULTS

TOYS = {toy.name: toy for toy in make_toys()}
RIGHT = [name for name, toy in TOYS.items() if toy.is_sound]


@pytest.fixture(scope="module")
def adapter() -> ModuleType:
    pytest.importorskip("causal_abstraction", reason="pip install causal_abstraction_eval==1.1.0")
    from tests import cae_adapter

    return cae_adapter


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_claim_has_no_error(name: str, adapter: ModuleType) -> None:
    for is_faithful in (False, True):
        found = adapter.causal_abstraction_error(TOYS[name], is_faithful=is_faithful, n_samples=40)
        assert found == 0


def test_a_claim_that_is_wrong_at_one_state_of_three_errs_as_often(adapter: ModuleType) -> None:
    found = adapter.causal_abstraction_error(TOYS["E5"], is_faithful=False)
    assert found == pytest.approx(1 / 3, abs=0.08)


def test_what_no_variable_is_carried_by_is_seen_by_the_faithful_form_alone(
    adapter: ModuleType,
) -> None:
    plain, faithful = (
        adapter.causal_abstraction_error(TOYS["illusion"], is_faithful=each)
        for each in (False, True)
    )
    assert plain == 0 < faithful


def test_the_table_has_every_planted_fault() -> None:
    rows = {row.organism: row for row in OUTSIDE.read(RESULTS)}
    assert list(rows) == list(TOYS)
    assert all(rows[name].plain == rows[name].faithful == 0 for name in RIGHT)
    assert all(max(row.plain, row.faithful) > 0 for row in rows.values() if not row.is_sound)
