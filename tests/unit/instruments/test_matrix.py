"""The matrix on organisms whose every entry is known in closed form."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mechval.axioms import Interpretation
from mechval.errors import MechvalError
from mechval.instruments import evading, matrix, planted, trained, two_sat
from mechval.instruments.circuit_probing import PROBED
from mechval.instruments.columns import COLUMNS, INSTRUMENTS, Reading, Tally
from mechval.instruments.das import SEARCHES
from mechval.instruments.matrix import Entry, Outcome, Prediction
from mechval.instruments.mutants import MUTANTS, count_mutants
from mechval.instruments.organism import Organism
from mechval.instruments.page import conclusions, render_text, write_pages
from mechval.instruments.toys import make_toys
from mechval.pipeline import FinishedRun, Workspace
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.single.subject import Subject, load_subject

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "results" / "instruments"
CLAIM = "disjunction/calibrated/resid_mid"
TOYS = {toy.name: toy for toy in make_toys()}
MARKS = {Outcome.DETECTED: "D", Outcome.PASSED: ".", Outcome.REFUSED: "-"}


def entries_of(organism: Organism, *predictions: Prediction) -> list[Entry]:
    return matrix.measure(organism, predictions)[0]


def marks(entries: list[Entry]) -> str:
    return "".join(MARKS[entry.outcome] for entry in entries)


@pytest.fixture(scope="module")
def measured() -> dict[str, list[Entry]]:
    return {name: entries_of(toy) for name, toy in TOYS.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    # axioms 1 to 4, N G, X W, unmapped in five ways, accuracy, scrubbing, ablations, DAS, probing
    [
        ("E2", "....  .. .- ..D.. . . ...D. -- --"),
        ("E3", "DDDD  .D D- DDDDD . . ..... -- --"),
        ("E4 (γ with x at its mean)", "..DD  DD D- DDDDD D D DDDDD -- --"),
        ("E4 (γ rebuilds x)", "....  D- .- .DDDD D D DDDDD -- --"),
        ("E5", "....  .. .D ..... . . ..... -- --"),
        ("E6", "....  DD D- ..... D . ..... -- --"),
        ("illusion", "....  .- .- ..D.. . . ...D. -- --"),
        ("O3 by hand", "....  DD .- .DDD. D D D.DD. -- --"),
    ],
)
def test_every_instrument_says_what_the_fault_makes_it_say(
    name: str, expected: str, measured: dict[str, list[Entry]]
) -> None:
    assert marks(measured[name]) == expected.replace(" ", "")


def test_no_instrument_alarms_on_a_true_toy(measured: dict[str, list[Entry]]) -> None:
    entries = [entry for name in TOYS for entry in measured[name]]
    assert [each.instrument for each in matrix.summarise(entries) if each.alarms] == []


def test_exchanging_claims_changes_the_matrix(measured: dict[str, list[Entry]]) -> None:
    wrong, right = TOYS["E6"], TOYS["E6 right"]
    exchanged = replace(
        right, claim=wrong.claim, variables=wrong.variables, idle=wrong.idle, is_sound=True
    )
    found = entries_of(exchanged)
    assert marks(found) == marks(measured["E6"]) != marks(measured["E6 right"])
    column = {each.instrument: each for each in matrix.summarise(found)}["native interchange"]
    assert column.warning == "alarms on 1 of 1 true claims"


def test_an_alarm_on_the_true_claim_too_tells_nothing(measured: dict[str, list[Entry]]) -> None:
    fault = [replace(entry, control="E6 right") for entry in measured["E6"]]
    noisy = [replace(entry, outcome=Outcome.DETECTED) for entry in measured["E6 right"]]
    judged = matrix.against_controls([*fault, *noisy])[: len(COLUMNS)]
    assert {entry.outcome for entry in judged} == {
        Outcome.NO_VERDICT,
        Outcome.PASSED,
        Outcome.REFUSED,
    }
    assert matrix.against_controls([*fault, *measured["E6 right"]])[: len(COLUMNS)] == fault


def test_a_wrong_prediction_is_listed() -> None:
    expected = [
        Prediction(organism="E5", instrument=name, outcome=Outcome.PASSED) for name in COLUMNS[:8]
    ]
    (found,) = matrix.surprises(entries_of(TOYS["E5"], *expected))
    assert found.instrument == COLUMNS[7]


def test_a_reading_is_detected_where_some_cell_is_surely_above_the_bar() -> None:
    few, many = Tally(1, 50, is_exact=False), Tally(10, 50, is_exact=False)
    assert not Reading([few]).is_detected
    assert Reading([few, many]).is_detected
    assert Reading([few, many]).worst is many
    assert Reading([Tally(1, 50, is_exact=True)]).is_detected


def test_the_columns_are_those_that_instruments_have() -> None:
    names = [name for instrument in INSTRUMENTS.values() for name in instrument(TOYS["E5"])]
    assert names == list(COLUMNS)


def test_mutants_are_counted_exactly() -> None:
    """One neuron per assignment: a clause is satisfied by three quarters of the assignments."""
    problem = Problem(n_variables=3, n_clauses=4)
    dropped, added = count_mutants(problem, DisjunctionProgram(torch.eye(8, dtype=torch.bool)))
    assert (dropped.mutants, dropped.equivalent, dropped.by_answer) == (8, 0, 8)
    assert dropped.least_bits == pytest.approx((3 / 4) ** 4)
    # no assignment is without a neuron, so no other answer comes of one more
    assert (added.mutants, added.by_bits, added.by_answer) == (56, 56, 0)


def test_a_mutant_that_says_the_same_is_told_apart() -> None:
    """Every neuron stands for every assignment: one assignment less is never missed."""
    problem = Problem(n_variables=3, n_clauses=4)
    all_of_them = DisjunctionProgram(torch.ones(2, 8, dtype=torch.bool))
    dropped, added = count_mutants(problem, all_of_them)
    assert (dropped.mutants, added.mutants) == (16, 0)
    assert 0 < dropped.by_bits + dropped.equivalent == 16
    assert dropped.by_answer == 0


@pytest.fixture(scope="module")
def proved() -> Subject:
    return load_subject(FinishedRun(Workspace(ROOT), "two_sat", "proved"))


@pytest.fixture(scope="module")
def tokens(proved: Subject) -> torch.Tensor:
    return two_sat.draw_tokens(proved.problem, 512, seed=1)


def answers(claim: Interpretation, tokens: torch.Tensor) -> torch.Tensor:
    return claim.run_after(0, tokens)


def test_what_is_planted_leaves_every_answer(proved: Subject, tokens: torch.Tensor) -> None:
    expected = answers(proved.interpretations[CLAIM], tokens)
    for made in (
        planted.bypassed(proved, CLAIM, tokens, 1.0),
        planted.decoyed(proved, CLAIM, tokens),
        planted.backed(proved, CLAIM, tokens),
    ):
        assert torch.equal(answers(made.claim, tokens), expected)


def test_a_bypass_is_invisible_to_equivalence_alone(proved: Subject, tokens: torch.Tensor) -> None:
    made = planted.bypassed(proved, CLAIM, tokens, 1.0)
    found = INSTRUMENTS["axioms"](made)
    assert [reading.is_detected for reading in found.values()] == [False, False, True, True]
    assert INSTRUMENTS["interchange"](made)["native interchange"].worst.rate == 1


def test_a_network_without_idle_neurons_is_refused(proved: Subject, tokens: torch.Tensor) -> None:
    full = planted.bypassed(proved, CLAIM, tokens, 1.0)
    model = proved.components.model
    with torch.no_grad():
        before = model.block(1).mlp.W_out.clone()
        model.block(1).mlp.W_out.add_(1)
    try:
        with pytest.raises(MechvalError, match="the network has 0 neurons that write nothing"):
            planted.backed(proved, CLAIM, tokens)
    finally:
        with torch.no_grad():
            model.block(1).mlp.W_out.copy_(before)
    assert full.control == "proved"


def test_the_page_is_made_from_tables(tmp_path: Path, measured: dict[str, list[Entry]]) -> None:
    entries = [entry for name in TOYS for entry in measured[name]]
    matrix.ENTRIES.write(entries, tmp_path)
    matrix.SUMMARIES.write(matrix.summarise(entries), tmp_path)
    rows = [matrix.OrganismRow(toy.name, toy.told) for toy in TOYS.values()]
    matrix.ORGANISMS.write(rows, tmp_path)
    program = DisjunctionProgram(torch.eye(8, dtype=torch.bool))
    problem = Problem(n_variables=3, n_clauses=4)
    MUTANTS.write(count_mutants(problem, program), tmp_path)
    SEARCHES.write([], tmp_path)
    PROBED.write([], tmp_path)
    for table in (trained.TRAINED, evading.ATTEMPTED):
        table.write([], tmp_path / trained.FOLDER)
    write_pages(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md", ".svg", ".html", ""}
    assert "Of 8 false claims the four axioms catch 2, with the partial cells 8;" in (
        tmp_path / "README.md"
    ).read_text(encoding="utf-8")
    assert "E3" in conclusions(entries)


def test_the_committed_page_is_what_its_tables_say() -> None:
    assert (RESULTS / "README.md").read_text(encoding="utf-8") == render_text(RESULTS)


def test_the_axioms_alone_catch_less_than_with_partial_cells() -> None:
    rows = matrix.by_organism(matrix.ENTRIES.read(RESULTS))
    for name in ("E2", "E3", "E4 (γ with x at its mean)", "E5", "E6"):
        outcomes = [rows[name][column].outcome for column in COLUMNS[:13]]
        assert Outcome.DETECTED in outcomes


def test_the_committed_bypass_grows_with_its_dose_where_the_state_is_replaced() -> None:
    rows = matrix.by_organism(matrix.ENTRIES.read(RESULTS))
    doses = [rows[planted.bypass_name(dose)] for dose in planted.DOSES]
    for column in COLUMNS[:2]:
        assert {row[column].disagreements for row in doses} == {0}
    for column in (*COLUMNS[2:5], COLUMNS[9]):
        rates = [row[column].rate or 0.0 for row in doses]
        assert rates == sorted(rates)
        assert rates[-1] > 0.4
