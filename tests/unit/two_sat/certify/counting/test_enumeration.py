"""The enumeration counts what listing every formula counts."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import Tensor

from mechval.errors import MechvalError
from mechval.transformer import Architecture, Transformer
from mechval.two_sat.certify.counting import enumeration
from mechval.two_sat.certify.counting.arrays import (
    OTHER,
    SATISFIABLE,
    UNDECIDED,
    UNSATISFIABLE,
)
from mechval.two_sat.certify.counting.chunks import (
    refuse_too_heavy,
    refuse_too_many,
    verified_prefixes,
)
from mechval.two_sat.certify.counting.enumeration import (
    CHUNK_FILE,
    Enumeration,
    enumerate_multisets,
    make_enumerator,
)
from mechval.two_sat.certify.counting.plan import EnumerationPlan
from mechval.two_sat.certify.counting.substituted_block import SubstitutedBlock, substitute
from mechval.two_sat.certify.counting.tables import (
    Counted,
    answer_rows,
    bit_rows,
    chunk_row,
    recounted_chunks,
)
from mechval.two_sat.circuit.extract import Circuit
from mechval.two_sat.circuit.neurons import Levels
from mechval.two_sat.claim.improved.refined_parser import RefinedParser
from mechval.two_sat.formulas.tokens import Vocabulary
from mechval.two_sat.formulas.truth_tables import is_satisfiable, truth_tables, unpack_truth_tables
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.network.components import Components
from mechval.two_sat.problem import Problem, clause_literals
from mechval.two_sat.programs.versions import CLAIMED
from tests.networks import hand_made_circuit, random_network

PROBLEM = Problem(n_variables=3, n_clauses=4)
ARCHITECTURE = Architecture(d_model=16, d_mlp=24, n_heads=(1, 2))
SEEDS = (0, 1)
FORMULAS = np.array(list(product(range(PROBLEM.n_distinct_clauses), repeat=PROBLEM.n_clauses)))


def network(seed: int) -> Transformer:
    """A random network whose mean logits are alike, so that its answers differ."""
    model = random_network(PROBLEM, seed, ARCHITECTURE)
    with torch.no_grad():
        model.block(1).mlp.W_in.mul_(4)
        mean = run(model.double(), circuit(seed), FORMULAS[::97])[0].mean(dim=0)
        shift = torch.linalg.lstsq(model.W_U.T, -mean[:, None]).solution[:, 0]
        model.float().block(1).mlp.b_out.add_(shift)
    return model


def circuit(seed: int) -> Circuit:
    """A circuit whose cuts lie among the activations."""
    made = hand_made_circuit(PROBLEM)
    generator = torch.Generator().manual_seed(seed)
    reading = made.readings["calibrated"]
    neurons = torch.randperm(ARCHITECTURE.d_mlp, generator=generator)[: len(reading.neurons)]
    levels = Levels(torch.rand(len(neurons), generator=generator), reading.levels.high)
    return replace(made, readings={"calibrated": replace(reading, neurons=neurons, levels=levels)})


def counts(rows: Iterable[Counted]) -> np.ndarray:
    return np.array([row.count_lower for row in rows])


def run(model: Transformer, made: Circuit, formulas: np.ndarray) -> tuple[Tensor, Tensor]:
    """Logits and hidden activations after γ_1, by the network itself in float64."""
    first, second = torch.as_tensor(clause_literals(PROBLEM)).T
    pairs = (first * PROBLEM.n_literals + second)[torch.as_tensor(formulas)]
    parser = ClauseParser(PROBLEM, made.prototypes.double(), made.mean_resid_post.double())
    components = Components(model, PROBLEM)
    with torch.inference_mode():
        state = components.evaluate(parser.gamma(pairs))
        return components.answer_logits(state), state.hidden


class Listed:
    """Every formula, evaluated one by one."""

    def __init__(self, seed: int) -> None:
        words = truth_tables(PROBLEM, FORMULAS)
        self.satisfiable = is_satisfiable(words)
        self.truth = unpack_truth_tables(words, PROBLEM.n_variables)
        logits, hidden = run(network(seed).double(), circuit(seed), FORMULAS)
        self.logits, self.hidden = logits.numpy(), hidden.numpy()

    @property
    def answers(self) -> np.ndarray:
        vocabulary = Vocabulary(PROBLEM)
        best = self.logits.argmax(axis=1)
        return np.select(
            [best == vocabulary.satisfiable, best == vocabulary.unsatisfiable],
            [SATISFIABLE, UNSATISFIABLE],
            OTHER,
        )


@pytest.fixture(scope="module", params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def listed(seed: int) -> Listed:
    return Listed(seed)


@pytest.fixture(scope="module")
def counted(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Enumeration:
    scratch = tmp_path_factory.mktemp("scratch")
    return enumerate_multisets(network(seed), PROBLEM, circuit(seed), scratch=scratch, n_threads=2)


def test_every_answer_occurs(listed: Listed) -> None:
    assert set(listed.answers) == {SATISFIABLE, UNSATISFIABLE, OTHER}


def test_answers_are_those_of_listing_every_formula(listed: Listed, counted: Enumeration) -> None:
    distinct = np.array([len(set(formula)) for formula in FORMULAS.tolist()])
    keys = np.stack([listed.truth.sum(axis=1), distinct, listed.answers], axis=1)
    groups, sizes = np.unique(keys, axis=0, return_counts=True)
    expected = dict(zip(map(tuple, groups.tolist()), sizes.tolist(), strict=True))
    assert {key: formulas for key, (formulas, _) in counted.answers.items()} == expected


def test_errors_are_those_of_listing_every_formula(listed: Listed, counted: Enumeration) -> None:
    wrong = (listed.answers == SATISFIABLE) != listed.satisfiable
    rows = {row.stratum: row for row in answer_rows(counted) if row.quantity == "error"}
    for name, members in (
        ("satisfiable", listed.satisfiable),
        ("unsatisfiable", ~listed.satisfiable),
    ):
        row = rows[name]
        found = (row.count_lower, row.count_upper, row.total)
        assert found == (wrong[members].sum(), wrong[members].sum(), members.sum())
    rates = [wrong[listed.satisfiable].mean(), wrong[~listed.satisfiable].mean()]
    assert rows["balanced"].value_lower == pytest.approx(np.mean(rates), rel=1e-12)
    assert rows["all"].count_lower == wrong.sum()


def test_bits_are_those_of_listing_every_formula(
    seed: int, listed: Listed, counted: Enumeration
) -> None:
    reading = circuit(seed).readings["calibrated"]
    bits = listed.hidden[:, reading.neurons] >= reading.levels.cut.double().numpy()
    programs = (reading.trees.program, reading.disjunctions)
    rows = {
        (row.version, row.neuron): row.count_lower
        for row in bit_rows(counted)
        if row.stratum == "all"
    }
    for version, program in zip(CLAIMED, programs, strict=True):
        differs = bits != program.bits(torch.from_numpy(listed.truth)).numpy()
        assert rows[version, None] == differs.any(axis=1).sum()
        for neuron, column in zip(reading.neurons.tolist(), differs.T, strict=True):
            assert rows[version, neuron] == column.sum()


def test_bits_by_class_add_up_and_none_is_undecided(counted: Enumeration) -> None:
    rows = bit_rows(counted)
    by_class = [row for row in rows if row.stratum != "all"]
    total = counts(row for row in rows if row.stratum == "all").sum()
    assert counts(by_class).sum() == total > 0
    assert all(row.count_lower == row.count_upper for row in rows)


def test_exact_values_lie_in_the_sampled_intervals(seed: int, counted: Enumeration) -> None:
    rng = np.random.default_rng(seed)
    formulas = rng.integers(0, PROBLEM.n_distinct_clauses, size=(2000, PROBLEM.n_clauses))
    best = run(network(seed).double(), circuit(seed), formulas)[0].argmax(dim=1).numpy()
    satisfiable = is_satisfiable(truth_tables(PROBLEM, formulas))
    wrong = (best == Vocabulary(PROBLEM).satisfiable) != satisfiable
    rows = {row.stratum: row for row in answer_rows(counted) if row.quantity == "error"}
    for name, of_class in (("satisfiable", satisfiable), ("unsatisfiable", ~satisfiable)):
        interval = binomtest(int(wrong[of_class].sum()), int(of_class.sum())).proportion_ci(0.999)
        assert interval.low <= rows[name].value_lower <= interval.high


def test_smallest_failures_are_those_of_listing_every_formula(
    listed: Listed, counted: Enumeration
) -> None:
    wrong = (listed.answers == SATISFIABLE) != listed.satisfiable
    for of_class, members in enumerate((~listed.satisfiable, listed.satisfiable)):
        failing = {tuple(sorted(formula)) for formula in FORMULAS[wrong & members].tolist()}
        for chunk in counted.chunks:
            own = [formula for formula in failing if formula[:2] == chunk.prefix]
            expected = sorted(own, key=lambda formula: (len(set(formula)), formula))[:20]
            assert list(chunk.smallest[of_class]) == expected


def test_answers_in_doubt_are_decided_in_ball_arithmetic(
    counted: Enumeration, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = enumeration.plan_enumeration

    def coarse(block: SubstitutedBlock, bit_neurons: np.ndarray) -> EnumerationPlan:
        return plan(block, bit_neurons)._replace(margin_error=0.05)

    monkeypatch.setattr(enumeration, "plan_enumeration", coarse)
    found = enumerate_multisets(
        network(seed), PROBLEM, circuit(seed), scratch=tmp_path, n_threads=1
    )
    assert found.answers == counted.answers
    assert [chunk.smallest for chunk in found.chunks] == [
        chunk.smallest for chunk in counted.chunks
    ]


def test_a_tie_stays_undecided_and_widens_the_interval(tmp_path: Path) -> None:
    model = network(0)
    with torch.no_grad():
        model.W_U.zero_()
    found = enumerate_multisets(model, PROBLEM, circuit(0), scratch=tmp_path, n_threads=1)
    (row,) = [row for row in answer_rows(found) if (row.quantity, row.stratum) == ("error", "all")]
    assert (row.count_lower, row.count_upper) == (0, PROBLEM.n_formulas)
    assert {answer for _, _, answer in found.answers} == {UNDECIDED}


def test_a_cut_at_an_activation_leaves_that_bit_in_doubt(tmp_path: Path) -> None:
    made, model = circuit(0), network(0)
    reading = made.readings["calibrated"]
    with torch.no_grad():
        # The neuron's activation is its bias whatever the formula: exactly its cut.
        model.block(1).mlp.W_in[:, reading.neurons[0]] = 0
        model.block(1).mlp.b_in[reading.neurons[0]] = reading.levels.cut[0]
    found = enumerate_multisets(model, PROBLEM, made, scratch=tmp_path, n_threads=1)
    (row,) = [
        row
        for row in bit_rows(found)
        if (row.version, row.neuron, row.stratum) == ("trees", int(reading.neurons[0]), "all")
    ]
    assert (row.count_lower, row.count_upper) == (0, PROBLEM.n_formulas)


def test_an_interrupted_enumeration_resumes_and_counts_the_same(
    counted: Enumeration, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, counted_prefixes = enumeration.Enumerator.count, []

    def stop_after_ten(self: enumeration.Enumerator, prefix: tuple[int, int]) -> object:
        if len(counted_prefixes) == 10:
            raise KeyboardInterrupt
        counted_prefixes.append(prefix)
        return count(self, prefix)

    def go_on(self: enumeration.Enumerator, prefix: tuple[int, int]) -> object:
        assert prefix not in counted_prefixes
        return count(self, prefix)

    arguments = (network(seed), PROBLEM, circuit(seed))
    monkeypatch.setattr(enumeration.Enumerator, "count", stop_after_ten)
    with pytest.raises(KeyboardInterrupt):
        enumerate_multisets(*arguments, scratch=tmp_path, n_threads=1)
    with (tmp_path / CHUNK_FILE).open("a") as file:
        file.write('{"prefix":[11,11],"answ')
    monkeypatch.setattr(enumeration.Enumerator, "count", go_on)
    resumed = enumerate_multisets(*arguments, scratch=tmp_path, n_threads=1)
    assert resumed.chunks == counted.chunks


@pytest.mark.parametrize("damage", [b"\0\0\n", b"\xff\n", b'{"prefix":[0,0]}\n'])
def test_a_damaged_file_of_chunks_is_told_and_counted_anew(
    counted: Enumeration,
    seed: int,
    tmp_path: Path,
    damage: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arguments = (network(seed), PROBLEM, circuit(seed))
    enumerate_multisets(*arguments, scratch=tmp_path, n_threads=1)
    with (tmp_path / CHUNK_FILE).open("ab") as file:
        file.write(damage)
    again = enumerate_multisets(*arguments, scratch=tmp_path, n_threads=1)
    assert again.chunks == counted.chunks
    assert "is damaged; its chunks are counted anew." in caplog.text


def test_chunks_of_another_network_are_not_resumed(tmp_path: Path) -> None:
    first, second = (
        enumerate_multisets(network(seed), PROBLEM, circuit(seed), scratch=tmp_path, n_threads=1)
        for seed in SEEDS
    )
    assert first.answers != second.answers


def test_recounting_confirms_its_own_table_and_mends_a_changed_one(
    seed: int, counted: Enumeration
) -> None:
    enumerator = make_enumerator(network(seed), PROBLEM, circuit(seed), bits=True)
    rows = list(map(chunk_row, counted.chunks))
    assert recounted_chunks(enumerator, rows) == rows
    recounted = verified_prefixes(PROBLEM)[0]
    changed = [
        replace(row, satisfiable_errors=-1) if (row.first, row.second) == recounted else row
        for row in rows
    ]
    assert changed != rows
    assert recounted_chunks(enumerator, changed) == rows


def test_too_many_multisets_are_refused_with_their_number_and_the_hours() -> None:
    problem = Problem(n_variables=8, n_clauses=10)
    expected = r"n_variables=8, n_clauses=10 has \d{1,3}(,\d{3}){4} multisets .* hours on 2 threads"
    anyhow = r".* or any number of them with certify\.enumerate=always yes=true"
    with pytest.raises(MechvalError, match=expected + anyhow):
        refuse_too_many(problem, 2)


def test_counts_beyond_64_bits_are_refused() -> None:
    with pytest.raises(MechvalError, match="what a count holds"):
        refuse_too_heavy(Problem(n_variables=3, n_clauses=20))


def test_another_gamma_is_refused_in_words() -> None:
    made = circuit(0)
    colon = torch.zeros(PROBLEM.n_literals + 1, ARCHITECTURE.d_model)
    parser = RefinedParser(PROBLEM, made.prototypes, made.mean_resid_post, colon)
    with pytest.raises(MechvalError, match="γ_1=RefinedParser is not allowed"):
        substitute(network(0), parser)


def test_the_network_after_gamma_does_not_see_the_order_of_the_clauses() -> None:
    some = FORMULAS[::371]
    logits = run(network(0).double(), circuit(0), some)[0]
    shuffled = run(network(0).double(), circuit(0), some[:, ::-1].copy())[0]
    assert torch.allclose(logits, shuffled, rtol=0, atol=1e-12)


def test_the_errors_bound_what_float64_loses(seed: int) -> None:
    enumerator = make_enumerator(network(seed), PROBLEM, circuit(seed), bits=True)
    plan, tokens = enumerator.plan, Vocabulary(PROBLEM)
    logits = run(network(seed).double(), circuit(seed), FORMULAS[::1999])[0].numpy()
    for formula, expected in zip(FORMULAS[::1999], logits, strict=True):
        occurrences = np.bincount(formula, minlength=PROBLEM.n_distinct_clauses)
        shares = 1 / (1 + occurrences @ plan.weights)
        columns = plan.base + sum(
            (plan.start[head] + occurrences @ plan.terms[:, head]) * shares[head]
            for head in range(len(shares))
        )
        margin = columns[len(plan.neurons)] + plan.gains[0] @ np.maximum(columns, 0)
        exact = enumerator.block.logits(occurrences)
        true = exact[tokens.satisfiable] - exact[tokens.unsatisfiable]
        assert abs(float(true - float(margin))) <= plan.margin_error
        assert expected[tokens.satisfiable] == pytest.approx(float(exact[tokens.satisfiable]))
