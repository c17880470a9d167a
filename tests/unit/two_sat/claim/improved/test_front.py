from dataclasses import replace

import torch

from mechval.axioms.program_size import positive_bits
from mechval.two_sat.claim.bench import Bench, Observations, written_pairs
from mechval.two_sat.claim.sizes import FrontRow, front_rows
from mechval.two_sat.formulas.dataset import Split
from mechval.two_sat.formulas.truth_tables import truth_tables, unpack_truth_tables
from mechval.two_sat.interpretation import formula_evaluator
from mechval.two_sat.network.components import AnswerState, Components
from mechval.two_sat.programs.disjunctions import DisjunctionProgram
from mechval.two_sat.programs.evaluate import TruthTableCounts
from mechval.two_sat.programs.lengths import Kind
from tests.networks import (
    CPU,
    SMALL_PROBLEM,
    hand_made_circuit,
    one_neuron_per_assignment,
    random_network,
    small_corpora,
)
from tests.unit.two_sat.programs.test_voting import random_program

HIGH = 2.0


def bench(n_neurons: int = SMALL_PROBLEM.n_assignments) -> Bench:
    """A network whose neurons are exactly the disjunctions of one assignment each."""
    splits = small_corpora(SMALL_PROBLEM, 800).splits
    reading = one_neuron_per_assignment(SMALL_PROBLEM.n_assignments)
    evaluate = formula_evaluator(SMALL_PROBLEM, reading.disjunctions, CPU)

    def seen(split: Split) -> Observations:
        hidden = HIGH * evaluate(written_pairs(SMALL_PROBLEM, split)).float()
        words = truth_tables(SMALL_PROBLEM, split.clause_ids)
        tables = TruthTableCounts.of(unpack_truth_tables(words, SMALL_PROBLEM.n_variables))
        state = AnswerState(hidden, torch.zeros(len(split), 1))
        return Observations(split, state.resid_mid, state, hidden.any(dim=1).long(), tables)

    assignments = reading.disjunctions.assignments[:n_neurons]
    narrow = replace(
        reading,
        neurons=torch.arange(n_neurons),
        levels=replace(
            reading.levels,
            cut=reading.levels.cut[:n_neurons],
            high=reading.levels.high[:n_neurons],
        ),
        on_rate=reading.on_rate[:n_neurons],
        mean_activation=reading.mean_activation[:n_neurons],
    ).claiming(DisjunctionProgram(assignments))
    circuit = replace(hand_made_circuit(SMALL_PROBLEM), readings={"calibrated": narrow})
    fitting, testing = seen(splits["analysis.fit"]), seen(splits["analysis.test"])
    model = random_network(SMALL_PROBLEM)
    return Bench(Components(model, SMALL_PROBLEM), circuit, fitting, testing, 0, 0.95)


def by_program(rows: list[FrontRow]) -> dict[tuple[str, str | None], FrontRow]:
    return {(row.program, row.setting): row for row in rows}


def test_a_program_that_is_the_network_never_disagrees() -> None:
    rows = by_program(front_rows(bench(), "calibrated", {}))
    assert rows["disjunction", None].disagreements == 0
    assert rows["trees", "2"].disagreements == 0
    assert rows["lookup table", None].n == 400


def test_a_wrong_program_disagrees() -> None:
    program = random_program()
    row = front_rows(bench(4), "calibrated", {"random": program})[-1]
    assert (row.program, row.setting) == ("voting", "random")
    assert row.bits == positive_bits(Kind.VOTING) + program.size_bits()
    assert row.disagreements > 100
