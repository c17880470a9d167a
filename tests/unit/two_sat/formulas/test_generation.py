import numpy as np
import pytest

from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.two_sat.configs import DataConfig
from mechval.two_sat.formulas import generation
from mechval.two_sat.formulas import solver as oracle
from mechval.two_sat.formulas.dataset import SPLIT_NAMES, Corpora, Split
from mechval.two_sat.formulas.generation import (
    draw_budget,
    draw_distinct,
    formulas_per_class,
    generate_corpora,
)
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables
from mechval.two_sat.problem import Problem
from tests.settings import TWO_SAT, changed

SMOKE = Problem(n_variables=3, n_clauses=6)
SMALL = Problem(n_variables=3, n_clauses=4)
CONFIG = changed(TWO_SAT.data, training_formulas=2000, analysis_formulas=200)
PAPER = Problem(n_variables=5, n_clauses=10)
SIZES = [
    (SMALL, changed(TWO_SAT.data, training_formulas=300, analysis_formulas=100)),
    (Problem(n_variables=3, n_clauses=20), CONFIG),
    (Problem(n_variables=8, n_clauses=20), CONFIG),
    (PAPER, CONFIG),
]


def _all_formulas(corpora: Corpora) -> np.ndarray:
    return np.concatenate([split.clause_ids for split in corpora.splits.values()])


def _same(one: Corpora, other: Corpora) -> bool:
    return all(
        np.array_equal(one.splits[name].clause_ids, other.splits[name].clause_ids)
        and np.array_equal(one.splits[name].satisfiable, other.splits[name].satisfiable)
        for name in SPLIT_NAMES
    )


@pytest.fixture(scope="module")
def corpora() -> Corpora:
    return generate_corpora(SMOKE, CONFIG, seed=0)


def test_the_published_sizes_split_as_published():
    assert formulas_per_class(TWO_SAT.data) == {
        "training.train": 600_000,
        "training.selection": 50_000,
        "training.test": 350_000,
        "analysis.fit": 60_000,
        "analysis.test": 40_000,
    }


def test_every_split_has_its_size(corpora):
    assert {name: len(split) for name, split in corpora.splits.items()} == {
        name: 2 * size for name, size in formulas_per_class(CONFIG).items()
    }


@pytest.mark.parametrize("name", SPLIT_NAMES)
def test_half_of_every_split_is_satisfiable(corpora, name):
    split = corpora.splits[name]
    assert 2 * split.satisfiable.sum() == len(split)


@pytest.mark.parametrize(("problem", "config"), SIZES, ids=lambda value: str(value)[:28])
def test_no_formula_occurs_twice_anywhere(problem, config):
    formulas = _all_formulas(generate_corpora(problem, config, seed=1))
    assert len(np.unique(formulas, axis=0)) == len(formulas)


@pytest.mark.parametrize(("problem", "config"), SIZES, ids=lambda value: str(value)[:28])
def test_every_label_is_the_truth_table_s(problem, config):
    splits = generate_corpora(problem, config, seed=2).splits.values()
    assert all(
        np.array_equal(split.satisfiable, is_satisfiable(truth_tables(problem, split.clause_ids)))
        for split in splits
    )


def test_classes_are_mixed_within_a_split(corpora):
    train: Split = corpora.splits["training.train"]
    first_half = train.satisfiable[: len(train) // 2].mean()
    assert 0.4 < first_half < 0.6


def test_the_same_seed_gives_the_same_corpora(corpora):
    assert _same(corpora, generate_corpora(SMOKE, CONFIG, seed=0))


def test_another_seed_gives_other_corpora(corpora):
    assert not _same(corpora, generate_corpora(SMOKE, CONFIG, seed=1))


def test_the_corpora_do_not_depend_on_the_oracle_s_batch(corpora, monkeypatch):
    monkeypatch.setattr(oracle, "_BATCH", 101)
    assert _same(corpora, generate_corpora(SMOKE, CONFIG, seed=0))


def test_the_natural_share_is_the_share_of_all_draws():
    provenance = generate_corpora(PAPER, CONFIG, seed=0).provenance
    # 73.87 % by the exact count; four standard errors at the number drawn.
    error = 4 * np.sqrt(0.7387 * 0.2613 / provenance.formulas_drawn)
    share = provenance.satisfiable_drawn / provenance.formulas_drawn
    assert share == pytest.approx(1 - 2_740_080_193_342_800 / 40**10, abs=error)


def test_a_whole_class_can_be_had():
    config = changed(TWO_SAT.data, training_formulas=332, analysis_formulas=100)
    formulas = _all_formulas(generate_corpora(SMALL, config, seed=0))
    assert (~is_satisfiable(truth_tables(SMALL, formulas))).sum() == 216


def test_asking_for_more_than_a_class_has_is_refused_before_drawing(monkeypatch):
    monkeypatch.setattr(generation, "draw_distinct", lambda *_, **__: pytest.fail("drew"))
    config = changed(TWO_SAT.data, training_formulas=334, analysis_formulas=100)
    with pytest.raises(MechvalError) as error:
        generate_corpora(SMALL, config, seed=0)
    assert str(error.value) == (
        "data asks for 217 unsatisfiable formulas of 4 clauses over 3 variables, of which there "
        "are 216; allowed: at most 432 formulas in both corpora together."
    )


def test_the_satisfiable_class_can_be_the_one_that_is_too_small(monkeypatch):
    sizes = generation.class_sizes(SMALL)
    swapped = dict(zip(sizes, reversed(sizes.values()), strict=True))
    monkeypatch.setattr(generation, "class_sizes", lambda _: swapped)
    with pytest.raises(MechvalError, match="asks for 217 satisfiable formulas"):
        generate_corpora(
            SMALL, changed(TWO_SAT.data, training_formulas=334, analysis_formulas=100), seed=0
        )


def test_a_class_too_rare_for_the_budget_is_refused_with_what_was_found():
    rare = Problem(n_variables=8, n_clauses=4)
    with pytest.raises(
        MechvalError, match=r"asks for 100 unsatisfiable formulas, of which 50000 draws gave \d;"
    ):
        draw_distinct(rare, 100, np.random.default_rng(0), budget=50_000)


def test_no_more_than_the_budget_is_drawn():
    drawn = draw_distinct(PAPER, 10, np.random.default_rng(0), budget=200)
    assert drawn.formulas_drawn == 200


def test_a_repeated_draw_is_dropped_and_counted():
    drawn = draw_distinct(SMALL, 216, np.random.default_rng(0), budget=2**20)
    assert drawn.duplicates_dropped > 0


def test_the_budget_grows_with_the_request():
    assert draw_budget(10_000_000) == 1_000_000_000


@pytest.mark.parametrize(
    ("training", "analysis", "name"),
    [(6, 100, "training.selection"), (100, 2, "analysis.test")],
)
def test_a_split_without_formulas_is_refused(training, analysis, name):
    config = changed(TWO_SAT.data, training_formulas=training, analysis_formulas=analysis)
    corpus, size = name.split(".")[0], min(training, analysis)
    with pytest.raises(MechvalError, match=f"data.{corpus}_formulas={size} leaves {name} empty"):
        formulas_per_class(config)


@pytest.mark.parametrize("field", ["train_fraction", "selection_fraction", "fit_fraction"])
@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, float("nan"), "half", True])
def test_a_fraction_outside_zero_and_one_is_refused(field, value):
    with pytest.raises(MechvalError) as error:
        parse_config(DataConfig, {**dict(TWO_SAT.data), field: value}, prefix="data")
    assert str(error.value) == (
        f"data.{field}={value!r} is not allowed; allowed: a number between 0 and 1, both excluded."
    )


def test_fractions_that_leave_no_test_split_are_refused():
    fractions = {"train_fraction": 0.9, "selection_fraction": 0.1}
    with pytest.raises(MechvalError, match="must add up to less than 1"):
        parse_config(DataConfig, {**dict(TWO_SAT.data), **fractions}, prefix="data")


@pytest.mark.parametrize("field", ["training_formulas", "analysis_formulas"])
@pytest.mark.parametrize("value", [0, -2, 3, 4.0, "2", True])
def test_a_corpus_size_that_is_not_an_even_number_is_refused(field, value):
    with pytest.raises(
        MechvalError, match=f"data.{field}=.* allowed: an even integer from 2 to 100000000"
    ):
        parse_config(DataConfig, {**dict(TWO_SAT.data), field: value}, prefix="data")
