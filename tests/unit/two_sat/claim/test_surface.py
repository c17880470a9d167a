"""The surface at a reading's own levels is the axiom table; elsewhere it is counted by hand."""

from dataclasses import replace

import pytest
import torch

from mechval.axioms import evaluate_axioms
from mechval.two_sat.circuit.extract import Circuit, extract_circuit
from mechval.two_sat.claim.bench import Bench, observe
from mechval.two_sat.claim.surface import Grid, Surface, SurfaceRow, grids
from mechval.two_sat.interpretation import make_interpretations
from mechval.two_sat.network.components import Components
from tests.networks import random_network
from tests.settings import TWO_SAT, changed
from tests.unit.two_sat.claim.variants.own_program import FIT, PROBLEM, TEST, batches

MODEL = random_network(PROBLEM)
GRID = Grid("calibrated", "multiple", (0.5, 1.0), (1.0, 3.0))


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    config = changed(TWO_SAT.circuit, readings=("calibrated",))
    return extract_circuit(Components(MODEL, PROBLEM), FIT, config=config, seed=0)


@pytest.fixture(scope="module")
def maker(circuit: Circuit) -> Surface:
    fitting, testing = (observe(Components(MODEL, PROBLEM), split) for split in (FIT, TEST))
    bench = Bench(Components(MODEL, PROBLEM), circuit, fitting, testing, 0, 0.95)
    return Surface(bench, ("trees", "disjunction"), ("resid_mid", "attn_out"), max_leaves=4)


@pytest.fixture(scope="module")
def rows(maker: Surface) -> list[SurfaceRow]:
    return maker.rows(GRID)


def test_the_readings_own_levels_give_the_axiom_table(
    rows: list[SurfaceRow], circuit: Circuit
) -> None:
    made = make_interpretations(Components(MODEL, PROBLEM), circuit)
    reports = evaluate_axioms(
        made,
        batches(),
        strata_names=("UNSAT", "SAT"),
        mixtures={},
        confidence=0.95,
        constant_label=1,
    )
    expected = {
        (report.interpretation, cell.name): cell.epsilon
        for report in reports
        for cell in report.cells
    }
    own = [row for row in rows if row.cut == 1.0 and row.high in (None, 1.0) and row.version]
    for row in own:
        name = f"{row.version}/calibrated/{row.residual or 'resid_mid'}"
        assert row.epsilon == expected[name, row.cell]
    assert len(own) == 2 * (1 + 2)


def test_every_point_of_the_grid_has_every_cell_once(rows: list[SurfaceRow]) -> None:
    points = [(r.cut, r.high, r.version, r.residual, r.cell) for r in rows]
    assert len(set(points)) == len(points) == 2 * (1 + 2 * (1 + 2 * 2))


def test_no_program_beats_the_floor(rows: list[SurfaceRow]) -> None:
    compared = [row for row in rows if row.floor is not None]
    assert len(compared) == 4
    assert all(row.floor is not None and row.floor <= row.disagreements for row in compared)


def test_a_cut_above_all_activations_says_that_its_bits_are_constant(
    maker: Surface, circuit: Circuit
) -> None:
    found = maker.rows(replace(GRID, cuts=(1e6,)))
    n_neurons = len(circuit.readings["calibrated"].neurons)
    assert {(row.constant_bits, row.n_neurons) for row in found} == {(n_neurons, n_neurons)}
    equivalences = [row for row in found if row.cell == "prefix equivalence/evaluate"]
    assert {row.disagreements for row in equivalences} == {0}


def test_absolute_levels_are_the_same_for_all_neurons() -> None:
    own = torch.tensor([1.0, 2.0])
    assert Grid("paper", "activation", (), ()).levels(0.5, own).tolist() == [0.5, 0.5]
    assert Grid("calibrated", "multiple", (), ()).levels(0.5, own).tolist() == [0.5, 1.0]


def test_each_reading_has_its_grid() -> None:
    units = {grid.reading: grid.unit for grid in grids(TWO_SAT.variants, ("calibrated", "paper"))}
    assert units == {"calibrated": "multiple", "paper": "activation"}
