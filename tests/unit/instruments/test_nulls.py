"""Null networks of both studies, and the command's part in them: resumed, drawn, told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechval.axioms import Estimate, equations
from mechval.axioms.nulls import LARGEST, NULL_CELLS, NULLS, NullCell
from mechval.errors import MechvalError
from mechval.instruments import null_networks, two_sat_nulls
from mechval.instruments.modular_nulls import ModularNulls
from mechval.instruments.mutants import Mutant
from mechval.instruments.null_networks import (
    MUTANTS,
    SHUFFLED,
    UNTRAINED,
    Budget,
    measure_nulls,
    null_cell,
    ship_nulls,
)
from mechval.instruments.null_page import compared, nulls, write_nulls
from mechval.instruments.two_sat_nulls import TwoSatNulls
from mechval.modular_addition.network.dataset import draw_split
from mechval.modular_addition.network.model import make_network
from mechval.modular_addition.problem import ModularAddition
from mechval.pipeline import FinishedRun, Workspace
from mechval.reporting.figures import figure_style
from mechval.reporting.null_rates import NULL_CONDITIONS, NULL_RATES
from mechval.reporting.shown import told
from mechval.two_sat.claim.assess import Question
from mechval.two_sat.interpretation import formula_evaluator
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from tests.networks import SMALL_PROBLEM, random_network
from tests.settings import MODULAR_ADDITION, TWO_SAT, changed

ROOT = Path(__file__).resolve().parents[3]
N = 200
CLAIM = "disjunction/calibrated/resid_mid"
BUDGET = Budget(
    study="toy", networks="toy-1", main="toy", fit=0, test=N, partial=0, shuffled=0, steps=0
)


class ToyStudy:
    """Networks are claims; an untrained one is wrong behind parse on as many numbers as its seed
    is above 1000, and training on shuffled labels does nothing."""

    def __init__(self, budget: Budget = BUDGET, model: int = 7) -> None:
        self.budget, self.model, self.measured = budget, model, 0
        self.settings = {"problem": SMALL_PROBLEM}

    def untrained(self, seed: int) -> int:
        return seed - 1000

    def train_shuffled(self, model: int, seed: int, scratch: Path) -> None:
        assert scratch.is_dir()

    def measure(self, model: int) -> tuple[list[NullCell], str]:
        self.measured += 1
        return ([], "nothing found") if model < 0 else (cells_of(model, 2 * model), "")

    def mutants(self) -> Iterator[list[NullCell]]:
        for _ in range(30):
            yield cells_of(100)


def cells_of(*disagreements: int) -> list[NullCell]:
    """So many of 200 behind parse, and behind evaluate."""
    return [
        null_cell(Estimate.of(count, N, 0.95), "toy", component, "prefix equivalence")
        for component, count in zip(("parse", "evaluate"), disagreements, strict=False)
    ]


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    measure_nulls(ToyStudy(), tmp_path / "own")
    return tmp_path


def test_every_family_has_a_p_value(measured: Path) -> None:
    rows = {(row.family, row.cell, row.component): row for row in NULLS.read(measured / "own")}
    for family in (UNTRAINED, SHUFFLED):
        assert rows[family, "prefix equivalence", "parse"].p == pytest.approx(9 / 21)
    assert rows[MUTANTS, "prefix equivalence", "parse"].p == pytest.approx(1 / 31)
    # the one cell that mutants have
    assert (
        rows[MUTANTS, LARGEST, "all"].epsilon
        == rows[MUTANTS, "prefix equivalence", "parse"].epsilon
    )
    assert (MUTANTS, "prefix equivalence", "evaluate") not in rows


def test_networks_that_are_there_are_not_measured_again(measured: Path) -> None:
    shared = measured / "nulls" / "toy-1"
    cells = NULL_CELLS.read(shared)
    NULL_CELLS.write([cell for cell in cells if cell.network != "untrained, seed 1003"], shared)
    again = ToyStudy(model=3)
    measure_nulls(again, measured / "other")
    # its own, and the one that was lost
    assert again.measured == 2
    assert sorted(map(str, NULL_CELLS.read(shared))) == sorted(map(str, cells))
    first, second = (NULLS.read(measured / run)[0] for run in ("own", "other"))
    assert (first.p, second.p) == pytest.approx((9 / 21, 5 / 21))


def test_a_table_is_the_same_whether_its_networks_were_there(measured: Path) -> None:
    table = NULLS.path(measured / "own")
    made = table.read_bytes()
    measure_nulls(ToyStudy(), measured / "own")
    assert table.read_bytes() == made


def test_other_conditions_have_other_networks(measured: Path) -> None:
    other = ToyStudy(replace(BUDGET, networks="toy-2"))
    measure_nulls(other, measured / "own")
    assert other.measured == 41


def test_a_run_without_a_claim_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MechvalError, match=r"the run has no claim to compare \(nothing found\)"):
        measure_nulls(ToyStudy(model=-1), tmp_path / "own")


def test_fewer_networks_than_the_level_needs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(null_networks, "N_NETWORKS", 18)
    with pytest.raises(MechvalError, match="the null distribution has 18 networks; allowed: at"):
        measure_nulls(ToyStudy(), tmp_path / "own")
    assert not any(tmp_path.iterdir())


def test_figure_and_table_show_runs_beside_null_networks(measured: Path) -> None:
    measure_nulls(ToyStudy(model=0), measured / "right")
    with figure_style():
        write_nulls(measured)
    drawn = (measured / "null-toy.svg").read_text(encoding="utf-8")
    assert all(f">{name}<" in drawn for name in ("own", "right", UNTRAINED, SHUFFLED))
    (found,) = compared(measured)
    assert [*found.runs] == ["own", "right"]
    epsilon = told(Estimate.of(7, N, 0.95).epsilon)
    assert f"| parse | prefix equivalence | {epsilon} (0.429 / 0.429 / 0.0323) |" in nulls(measured)
    assert "20 untrained (0 without a claim)" in nulls(measured)


def test_rates_of_null_networks_come_with_the_package(measured: Path, tmp_path: Path) -> None:
    ship_nulls(ToyStudy(), measured, tmp_path)
    (first, *_) = NULL_RATES.read(tmp_path)
    assert (first.family, first.component) == (UNTRAINED, "parse")
    assert first.rates == tuple(wrong / N for wrong in range(20))
    conditions = NULL_CONDITIONS.read(tmp_path)
    assert conditions.settings == {"problem": SMALL_PROBLEM.model_dump(mode="json")}
    assert (conditions.fit, conditions.test) == (0, N)


def test_no_null_networks_are_nothing_to_tell(tmp_path: Path) -> None:
    assert nulls(tmp_path) == ""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> TwoSatNulls:
    for name, value in (("N_FIT", 120), ("N_TEST", 80), ("N_PARTIAL", 40), ("N_SHUFFLED", 32)):
        monkeypatch.setattr(two_sat_nulls, name, value)
    return TwoSatNulls(
        random_network(SMALL_PROBLEM),
        SMALL_PROBLEM,
        Question(TWO_SAT.circuit, TWO_SAT.axioms, natural_share=0.5),
        null_networks.shortened(changed(TWO_SAT.nulls.training, warmup_steps=1), 3),
        CLAIM,
    )


def test_a_2_sat_network_is_measured_in_every_cell(small: TwoSatNulls) -> None:
    model = small.untrained(1)
    before = model.W_E.detach().clone()
    assert torch.equal(before, small.untrained(1).W_E)
    assert not torch.equal(before, small.untrained(2).W_E)
    cells, _ = small.measure(model)
    own = {cell.cell for cell in cells if cell.interpretation == CLAIM}
    assert {"prefix equivalence", "component replaceability", "mixed-state replaceability"} <= own
    sizes = {(cell.cell, cell.n) for cell in cells}
    assert {("prefix equivalence", 80), ("mixed-state replaceability", 20)} <= sizes
    # nothing was trained, so no clause is read off
    assert {c.rate for c in cells if (c.cell, c.component) == ("prefix equivalence", "parse")} == {
        1
    }


def test_shuffled_labels_are_trained_on(small: TwoSatNulls, tmp_path: Path) -> None:
    model = small.untrained(1)
    small.train_shuffled(model, 1, tmp_path)
    assert not torch.equal(model.W_E, small.untrained(1).W_E)
    assert small.budget.steps == 3


def test_what_null_networks_depend_on_names_their_folder(small: TwoSatNulls) -> None:
    longer = replace(small, recipe=null_networks.shortened(small.recipe, 4))
    assert small.budget.networks == replace(small).budget.networks != longer.budget.networks
    assert small.budget.networks.startswith("two_sat-")


def test_what_was_no_setting_renames_null_networks_only_when_it_is_changed() -> None:
    older = TWO_SAT.circuit.model_copy(update={"cut": 0.4})
    names = {null_networks.networks_name("x", [each], ()) for each in (TWO_SAT.circuit, older)}
    assert len(names) == 2
    assert "cut" not in TWO_SAT.circuit.model_dump()


def test_mutants_that_are_not_equivalent_are_held_against_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(two_sat_nulls, "N_FIT", 200)
    monkeypatch.setattr(two_sat_nulls, "N_TEST", 200)
    study = TwoSatNulls.of(FinishedRun(Workspace(ROOT), "two_sat", "proved"), None, CLAIM)
    circuit = study._circuit(study.model)
    claim, inputs = study._claim(study.model, circuit), study._tokens(200)
    bits = claim.alphas[2](equations.run_network(claim, inputs)[2])
    assignments = circuit.readings["calibrated"].disjunctions.assignments
    other = DisjunctionProgram(assignments.logical_not())
    mutants = [Mutant("all", other, 1.0, 1.0), Mutant("none", other, 0.0, 0.0)]
    monkeypatch.setattr(two_sat_nulls, "make_mutants", lambda problem, program: mutants)
    (cells,) = study.mutants()
    evaluate = formula_evaluator(study.problem, other, torch.device("cpu"))
    n_wrong = int((evaluate(claim.abstract[0](inputs)) != bits).any(dim=1).sum())
    found = {(cell.cell, cell.component): cell.disagreements for cell in cells}
    assert found["prefix equivalence", "evaluate"] == n_wrong > 0
    assert ("prefix equivalence", "parse") not in found


def test_a_network_of_sums_is_measured_or_told_why_not(tmp_path: Path) -> None:
    problem = ModularAddition(p=13)
    architecture = changed(MODULAR_ADDITION.architecture, d_model=16, d_mlp=24, n_heads=(2,))
    split = draw_split(problem, MODULAR_ADDITION.data, 0)
    recipe = changed(MODULAR_ADDITION.training, warmup_steps=1)
    study = ModularNulls(
        make_network(problem, architecture),
        problem,
        split,
        MODULAR_ADDITION.circuit,
        MODULAR_ADDITION.axioms,
        null_networks.shortened(recipe.full_batch(len(split.train)), 3),
    )
    model = study.untrained(1)
    cells, refusal = study.measure(model)
    assert bool(cells) != bool(refusal)
    study.train_shuffled(model, 1, tmp_path)
    assert not torch.equal(model.W_E, study.untrained(1).W_E)
    assert study.budget.fit + study.budget.test == problem.n_pairs
    assert study.budget.main == "used/pseudo_inverse/rounded-3/downstream"
    assert [*study.mutants()] == []
