"""All evidence at once: any size, any number of heads, same bytes from same inputs."""

from pathlib import Path

import pytest

from mechval.reporting.figures import figure_style, save_figure
from mechval.transformer import Architecture
from mechval.two_sat.circuit.evidence.gather import gather_evidence
from mechval.two_sat.circuit.evidence.record import Evidence, load_evidence, save_evidence
from mechval.two_sat.circuit.extract import extract_circuit
from mechval.two_sat.configs import CircuitConfig
from mechval.two_sat.problem import Problem
from mechval.two_sat.report.figures.evidence import evidence_figures
from tests.networks import CPU, SMALL_PROBLEM, random_network, small_corpora

SIZES = [
    (SMALL_PROBLEM, (2, 2)),
    (Problem(n_variables=8, n_clauses=4), (1, 8)),
    (Problem(n_variables=3, n_clauses=20), (4, 1)),
]


def gather(problem: Problem, heads: tuple[int, ...]) -> Evidence:
    model = random_network(problem, architecture=Architecture(d_model=16, d_mlp=24, n_heads=heads))
    splits = small_corpora(problem, 200).splits
    fit, test = splits["analysis.fit"], splits["analysis.test"]
    config = CircuitConfig(readings=("calibrated",))
    circuit = extract_circuit(model, problem, fit, config=config, seed=0, device=CPU)
    return gather_evidence(model, problem, circuit, fit, test, seed=0, device=CPU)


@pytest.fixture(scope="module")
def small() -> Evidence:
    return gather(*SIZES[0])


@pytest.mark.parametrize(("problem", "heads"), SIZES[1:])
def test_corner_sizes_give_every_table_and_figure(
    small: Evidence, problem: Problem, heads: tuple[int, ...]
) -> None:
    evidence = gather(problem, heads)
    assert evidence.tables.keys() == small.tables.keys()
    assert all(evidence.tables.values())
    with figure_style():
        figures = evidence_figures(evidence)
    drawn = {name for name in figures if name.startswith("block0-scores")}
    assert drawn == {f"block0-scores-head-{head}" for head in range(heads[0])}


def test_same_inputs_give_the_same_files(small: Evidence, tmp_path: Path) -> None:
    for name, evidence in (("a", small), ("b", gather(*SIZES[0]))):
        save_evidence(evidence, tmp_path / name)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"
    )
    assert first == second
    assert load_evidence(tmp_path / "a") == small


def test_figures_are_drawn_from_the_files_alone(small: Evidence, tmp_path: Path) -> None:
    save_evidence(small, tmp_path)
    with figure_style():
        figure = evidence_figures(load_evidence(tmp_path))["ablations"]
        again = evidence_figures(small)["ablations"]
        save_figure(figure, tmp_path, "one")
        save_figure(again, tmp_path, "two")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_rates_are_measured_on_the_test_formulas(small: Evidence) -> None:
    assert small.facts["ablation.no_skip"].n == 100
