import hashlib
from dataclasses import replace

import pytest

from mechval.two_sat.formulas.dataset import (
    DATA,
    SPLIT_NAMES,
    DataFacts,
    describe_corpora,
    render_data_card,
    save_corpora,
)
from mechval.two_sat.formulas.generation import generate_corpora
from mechval.two_sat.problem import Problem
from tests.settings import TWO_SAT, changed


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> DataFacts:
    config = changed(TWO_SAT.data, training_formulas=600, analysis_formulas=60)
    corpora = generate_corpora(Problem(n_variables=3, n_clauses=6), config, seed=7)
    return describe_corpora(corpora, save_corpora(corpora, tmp_path_factory.mktemp("data")))


def test_the_sha256_is_the_stored_file_s(tmp_path):
    config = changed(TWO_SAT.data, training_formulas=600, analysis_formulas=60)
    corpora = generate_corpora(Problem(n_variables=3, n_clauses=6), config, seed=7)
    path = save_corpora(corpora, tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert describe_corpora(corpora, path).sha256 == digest


def test_facts_become_json_and_back(facts, tmp_path):
    DATA.write(facts, tmp_path)
    share = DATA.read(tmp_path).natural_satisfiable_share
    assert share == pytest.approx(facts.natural_satisfiable_share, rel=1e-6)
    assert DATA.read(tmp_path) == replace(facts, natural_satisfiable_share=share)


@pytest.mark.parametrize("name", SPLIT_NAMES)
def test_the_card_has_a_row_for_every_split(facts, name):
    assert f"| {name} | " in render_data_card(facts)


@pytest.mark.parametrize("fact", ["seed 7", "12 distinct clauses", "MiniSat 2.2"])
def test_the_card_states_how_the_formulas_were_made(facts, fact):
    assert fact in render_data_card(facts)


def test_the_card_states_the_natural_share_with_its_n(facts):
    share = f"{facts.satisfiable_drawn / facts.formulas_drawn:.4%} of the {facts.formulas_drawn:,} "
    assert share in render_data_card(facts)


def test_the_card_names_the_file_by_its_sha256(facts):
    assert facts.sha256 in render_data_card(facts)
