"""Which variants are made, what they are called, and what they share with their base."""

import pytest

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.two_sat.claim.variants.variant import (
    ALL_CELLS,
    Variant,
    make_variants,
    one_residual_each,
    tolerances,
)
from mechval.two_sat.configs import VariantsConfig
from tests.settings import TWO_SAT
from tests.unit.two_sat.claim.variants import own_program

MADE = own_program.interpretations()


@pytest.fixture(scope="module")
def variants() -> list[Variant]:
    return make_variants(own_program.bench(MADE), MADE, TWO_SAT.variants)


def of_family(variants: list[Variant], family: str) -> list[Variant]:
    return [variant for variant in variants if variant.family == family]


def test_a_variant_is_tagged_as_its_base_and_with_what_is_varied(variants: list[Variant]) -> None:
    high, *_ = of_family(variants, "high")
    (ordered,) = of_family(variants, "ordered clauses")
    base = {"version": "trees", "reading": "calibrated", "residual": "resid_mid"}
    assert high.interpretation.tags == {**base, "family": "high", "setting": "2"}
    assert ordered.interpretation.tags == {**base, "family": "ordered clauses"}


def test_one_residual_per_reading_is_kept() -> None:
    names = [main.name for main in one_residual_each(MADE)]
    assert names == ["trees/calibrated/resid_mid", "disjunction/calibrated/resid_mid"]


def test_the_only_residual_there_is_is_kept() -> None:
    only = [main for main in MADE if main.tags["residual"] == "attn_out"]
    assert one_residual_each(only) == only


def test_a_variant_is_about_a_cell_that_it_bears_on(variants: list[Variant]) -> None:
    assert all(variant.about in (None, *variant.cells) for variant in variants)
    assert {variant.family for variant in variants if variant.about is None} == {"noise"}


def test_all_names_differ(variants: list[Variant]) -> None:
    names = [variant.interpretation.name for variant in variants]
    assert len(set(names)) == len(names)


def test_every_family_is_there(variants: list[Variant]) -> None:
    found = {family: len(of_family(variants, family)) for family in {v.family for v in variants}}
    assert found == {
        "high": 4 * 3,
        "wrong neurons": 2 * 4,
        "ordered clauses": 1,
        "noise": 2 * 2,
        "leaves": 4,
        "rival": 3,
    }


def test_the_trees_are_the_base_of_leaves_and_rivals(variants: list[Variant]) -> None:
    bases = {
        variant.interpretation.tags["version"]
        for family in ("leaves", "rival")
        for variant in of_family(variants, family)
    }
    assert bases == {"trees"}


def test_a_high_value_equal_to_the_bases_own_is_not_measured_again(variants: list[Variant]) -> None:
    by_setting = {
        variant.interpretation.tags["setting"]: variant.interpretation.gammas[2]
        for variant in reversed(of_family(variants, "high"))
    }
    assert by_setting["2"] is MADE[0].gammas[2]
    assert by_setting["0.5"] is not MADE[0].gammas[2]


def test_all_tolerances_share_one_distance() -> None:
    made = list(tolerances(MADE[:1], (0, 1, 4)))
    equivalences = [variant.interpretation.equivalences[2] for variant in made]
    assert len({id(equivalence.distance) for equivalence in equivalences}) == 1
    assert [equivalence.tolerance for equivalence in equivalences] == [0, 1, 4]
    assert len({equivalence.name for equivalence in equivalences}) == 3


def test_all_noised_interpretations_share_their_parse(variants: list[Variant]) -> None:
    noised = of_family(variants, "noise")
    assert len({id(variant.interpretation.abstract[0]) for variant in noised}) == 2


def test_the_network_is_the_same_object_in_all(variants: list[Variant]) -> None:
    concrete = {tuple(map(id, variant.interpretation.concrete)) for variant in variants}
    assert len(concrete) == 1


def test_cells_that_cannot_change_are_left_out(variants: list[Variant]) -> None:
    cells = {variant.family: len(variant.cells) for variant in variants}
    assert cells == {
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
        parse_config(VariantsConfig, {**dict(TWO_SAT.variants), field: value})
