"""Which variants are made, what they are called, and what they share with their base."""

import pytest

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.two_sat.claim.variants.bases import bases_of, main_bases
from mechval.two_sat.claim.variants.checks import ALL_CELLS, Check, tolerance_checks
from mechval.two_sat.configs import VariantsConfig
from tests.unit.two_sat.claim.variants import own_program

MADE = own_program.interpretations()
BASES = bases_of(MADE)


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return own_program.maker(MADE).checks(MADE)


def of_family(checks: list[Check], family: str) -> list[Check]:
    return [check for check in checks if check.family == family]


def test_names_are_taken_apart() -> None:
    assert [(base.version, base.reading, base.residual) for base in BASES] == [
        ("trees", "calibrated", "resid_mid"),
        ("trees", "calibrated", "attn_out"),
        ("disjunction", "calibrated", "resid_mid"),
        ("disjunction", "calibrated", "attn_out"),
    ]


def test_one_residual_per_reading_is_kept() -> None:
    names = [base.name for base in main_bases(BASES)]
    assert names == ["trees/calibrated/resid_mid", "disjunction/calibrated/resid_mid"]


def test_the_only_residual_there_is_is_kept() -> None:
    only = [base for base in BASES if base.residual == "attn_out"]
    assert main_bases(only) == only


def test_all_names_differ(checks: list[Check]) -> None:
    names = [check.interpretation.name for check in checks]
    assert len(set(names)) == len(names)


def test_every_family_is_there(checks: list[Check]) -> None:
    found = {family: len(of_family(checks, family)) for family in {c.family for c in checks}}
    assert found == {
        "main": 4,
        "high": 4 * 3,
        "wrong neurons": 2 * 4,
        "ordered clauses": 1,
        "noise": 2 * 2,
        "leaves": 4,
        "rival": 3,
    }


def test_the_trees_are_the_base_of_leaves_and_rivals(checks: list[Check]) -> None:
    bases = {
        check.base.version for family in ("leaves", "rival") for check in of_family(checks, family)
    }
    assert bases == {"trees"}


def test_a_high_value_equal_to_the_bases_own_is_not_measured_again(checks: list[Check]) -> None:
    same = next(check for check in of_family(checks, "high") if check.setting == "2")
    other = next(check for check in of_family(checks, "high") if check.setting == "0.5")
    assert same.interpretation.gammas[2] is same.base.interpretation.gammas[2]
    assert other.interpretation.gammas[2] is not other.base.interpretation.gammas[2]


def test_all_tolerances_share_one_distance() -> None:
    made = tolerance_checks(BASES[:1], (0, 1, 4))
    equivalences = [check.interpretation.equivalences[2] for check in made]
    assert len({id(equivalence.distance) for equivalence in equivalences}) == 1
    assert [equivalence.tolerance for equivalence in equivalences] == [0, 1, 4]
    assert len({equivalence.name for equivalence in equivalences}) == 3


def test_all_noised_interpretations_share_their_parse(checks: list[Check]) -> None:
    noised = of_family(checks, "noise")
    assert len({id(check.interpretation.abstract[0]) for check in noised}) == 2


def test_the_network_is_the_same_object_in_all(checks: list[Check]) -> None:
    concrete = {tuple(map(id, check.interpretation.concrete)) for check in checks}
    assert len(concrete) == 1


def test_cells_that_cannot_change_are_left_out(checks: list[Check]) -> None:
    cells = {check.family: len(check.cells) for check in checks}
    assert cells == {
        "main": len(ALL_CELLS),
        "high": 2,
        "wrong neurons": 2,
        "ordered clauses": 2,
        "noise": len(ALL_CELLS),
        "leaves": len(ALL_CELLS),
        "rival": len(ALL_CELLS),
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("highs", ["calibrated"]),
        ("highs", [0.0]),
        ("tolerances", [-1]),
        ("leaves", [1]),
        ("noise_probability", 1.5),
        ("noise_kinds", ["words"]),
        ("surface_cuts", []),
    ],
)
def test_wrong_settings_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(MechvalError, match=f"{field}.*is not allowed; allowed: a "):
        parse_config(VariantsConfig, {field: value})
