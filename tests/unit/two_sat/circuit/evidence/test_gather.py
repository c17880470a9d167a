"""All evidence at once: any size, any number of heads, same bytes from same inputs."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from mechval.reporting.figures import figure_style, save_figure
from mechval.reporting.report import Figure, RunFiles, with_figures
from mechval.transformer import Architecture
from mechval.two_sat.circuit.evidence import ablations
from mechval.two_sat.circuit.evidence.coverage import COVERAGE
from mechval.two_sat.circuit.evidence.gather import (
    FACTS,
    TABLES,
    CircuitFacts,
    Filled,
    circuit_facts,
    gather_evidence,
)
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.circuit.mean_activations import record_activations
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem
from mechval.two_sat.report import content, network_sections
from tests.networks import SMALL_PROBLEM, hand_made_circuit, random_network, small_corpora
from tests.settings import TWO_SAT, changed
from tests.unit.two_sat.stages.test_stages import settings

SIZES = [
    (SMALL_PROBLEM, (2, 2)),
    (Problem(n_variables=8, n_clauses=4), (1, 8)),
    (Problem(n_variables=3, n_clauses=20), (4, 1)),
]
CONFIG = changed(TWO_SAT.circuit, readings=("calibrated",), max_leaves=3)


@dataclass(frozen=True)
class Gathered:
    evidence: Filled
    facts: CircuitFacts


def gather(problem: Problem, heads: tuple[int, ...]) -> Gathered:
    model = random_network(problem, architecture=Architecture(d_model=16, d_mlp=24, n_heads=heads))
    splits = small_corpora(problem, 200).splits
    fit, test = splits["analysis.fit"], splits["analysis.test"]
    seen = record_activations(Components(model, problem), fit)
    circuit = extract_circuit(
        Components(model, problem), fit, config=CONFIG, seed=0, activations=seen
    )
    evidence = gather_evidence(
        Components(model, problem), circuit, fit, seen.hidden, test, 3, seed=0
    )
    return Gathered(evidence, circuit_facts(model, problem, circuit))


def save(gathered: Gathered, directory: Path) -> None:
    (directory / "evidence").mkdir(parents=True)
    FACTS.write(gathered.facts, directory)
    for table, rows in gathered.evidence.items():
        table.write(rows, directory)


def figures(problem: Problem, directory: Path) -> dict[str, Figure]:
    """The report's figures of the evidence, by name, from the files alone."""
    files = RunFiles(settings(problem=problem), 0, {"circuit": directory})
    (maker,) = with_figures([network_sections.evidence], *content.FIGURES)
    section = maker(files)
    assert section is not None
    return {figure.name: figure for figure in section.figures}


@pytest.fixture(scope="module")
def small() -> Gathered:
    return gather(*SIZES[0])


@pytest.mark.parametrize(("problem", "heads"), SIZES[1:])
def test_corner_sizes_give_every_table_and_figure(
    problem: Problem, heads: tuple[int, ...], tmp_path: Path
) -> None:
    found = gather(problem, heads)
    assert found.evidence.keys() == set(TABLES)
    assert all(found.evidence.values())
    save(found, tmp_path)
    made = figures(problem, tmp_path)
    with figure_style():
        for figure in made.values():
            figure.draw()
    drawn = {name for name in made if name.startswith("block0-scores")}
    assert drawn == {f"block0-scores-head-{head}" for head in range(heads[0])}


def test_same_inputs_give_the_same_files(small: Gathered, tmp_path: Path) -> None:
    for name, gathered in (("a", small), ("b", gather(*SIZES[0]))):
        save(gathered, tmp_path / name)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.csv")} for name in "ab"
    )
    assert first == second
    assert len(first) == len(TABLES)


def test_figures_are_drawn_from_the_files_alone(small: Gathered, tmp_path: Path) -> None:
    save(small, tmp_path)
    with figure_style():
        for name in ("one", "two"):
            drawing = figures(SMALL_PROBLEM, tmp_path)["clause-contributions"].draw()
            save_figure(drawing, tmp_path, name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_rates_are_measured_on_the_test_formulas(small: Gathered) -> None:
    assert {row.n for row in small.evidence[ablations.ABLATIONS]} == {100}


def test_the_circuit_s_own_trees_are_among_the_programs(small: Gathered) -> None:
    own = [row.program for row in small.evidence[COVERAGE] if row.in_circuit]
    assert own == ["trees-3", "disjunction"]


def test_own_clause_attention_is_that_of_the_strongest_head_and_never_a_sum() -> None:
    attention = torch.full((2, SMALL_PROBLEM.n_clauses), 0.4)
    attention[0, 0], attention[1, 3] = 0.9, 0.7
    attention[:, 1:3] = 0.5
    circuit = replace(hand_made_circuit(SMALL_PROBLEM), own_clause_attention=attention)
    found = circuit_facts(random_network(SMALL_PROBLEM), SMALL_PROBLEM, circuit)
    assert found.smallest_mean_own_clause_attention == pytest.approx(0.4)
