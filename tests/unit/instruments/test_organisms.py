"""Organisms that are fitted or trained, on states and networks whose every entry is known."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.instruments import dyck, evading, matrix, trained, waves
from mechval.instruments.columns import INSTRUMENTS
from mechval.instruments.dyck import Attention
from mechval.instruments.evading import Attempt
from mechval.instruments.fitted import fit_directions, fitted_organism
from mechval.instruments.organism import Organism
from mechval.modular_addition.single.explain import Explained, load_explained
from mechval.pipeline import FinishedRun, Workspace
from mechval.two_sat.single.subject import load_subject

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "results" / "instruments"
CLAIM = "disjunction/calibrated/resid_mid"


def rates(organism: Organism, instrument: str) -> list[float]:
    """The worst rate of each column of an instrument."""
    return [reading.worst.rate for reading in INSTRUMENTS[instrument](organism).values()]


P = 5
PAIRS = torch.cartesian_prod(torch.arange(P), torch.arange(P))
TURN = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))[0]


def held(pairs: Tensor) -> Tensor:
    """Squares of residues modulo 5 are 0, 1 and 4."""
    return pairs.square() % P


def state(pairs: Tensor) -> Tensor:
    """Three dimensions for each square, two more that are always the same, turned."""
    squares_of = torch.nn.functional.one_hot(held(pairs), P)[:, :, [0, 1, 4]]
    return torch.cat([squares_of.flatten(1), torch.ones(len(pairs), 2)], dim=1) @ TURN


def answer(turned: Tensor) -> Tensor:
    parts = (turned.float() @ TURN.T)[:, :6].unflatten(1, (2, 3)).argmax(dim=2)
    found = torch.tensor([0, 1, 4])[parts]
    return (found[:, 0] - found[:, 1]) % P


def about_squares(hold: bool) -> Organism:
    """The right program, or the other factorisation, about a network that holds squares."""
    programs = {
        True: (held, lambda s: (s[:, 0] - s[:, 1]) % P, ("a²", "b²")),
        False: (
            lambda x: torch.stack([x.sum(dim=1), x[:, 0] - x[:, 1]], dim=1) % P,
            lambda s: s.prod(dim=1) % P,
            ("a + b", "a - b"),
        ),
    }
    hold_in, answer_by, names = programs[hold]
    return fitted_organism(
        "squares",
        "",
        (state, answer),
        (hold_in, answer_by),
        variables=names,
        rank=2,
        fitting=PAIRS,
        inputs=PAIRS,
        is_sound=hold,
        domain_size=len(PAIRS),
    )


def test_fitted_maps_find_the_squares_wherever_they_stand() -> None:
    right = about_squares(True)
    assert rates(right, "axioms") == [0, 0, 0, 0]
    assert rates(right, "interchange") == [0, 0]
    coordinates = right.claim.concrete[0](PAIRS)
    assert torch.equal(right.claim.alphas[1](coordinates), held(PAIRS))
    assert torch.allclose(right.claim.gammas[1](held(PAIRS)), coordinates, atol=1e-6)


def test_the_other_factorisation_answers_right_and_is_refuted() -> None:
    wrong = about_squares(False)
    program = wrong.claim.abstract
    assert torch.equal(program[1](program[0](PAIRS)), answer(state(PAIRS)))
    # a sum says nothing of a square: it is as often 0, 1 and 4 for every sum
    assert min(rates(wrong, "axioms")) > 0.5


def test_more_directions_than_dimensions_are_refused() -> None:
    with pytest.raises(MechvalError, match="rank=5 takes 10 of 8 dimensions for 2 variables"):
        fit_directions(state(PAIRS), held(PAIRS), 5)


PREFIXES = dyck.all_prefixes()
BRACKETS = dyck.read_brackets(PREFIXES)


def by_counting() -> list[list[int]]:
    """Open brackets of every prefix, by a loop over each."""
    found = []
    for tokens in PREFIXES.tolist():
        stack: list[int] = []
        for token in tokens:
            if token < dyck.TYPES:
                stack.append(token)
            elif token < 2 * dyck.TYPES:
                assert stack.pop() == token - dyck.TYPES
        found.append(stack)
    return found


def test_prefixes_are_all_and_read_right() -> None:
    stacks = by_counting()
    assert len(PREFIXES) == len({tuple(row) for row in PREFIXES.tolist()}) == 57
    filled = [[kind + 1 for kind in own] + [0] * (dyck.DEPTH - len(own)) for own in stacks]
    assert BRACKETS.open.tolist() == filled
    innermost = [own[-1] if own else dyck.TYPES for own in stacks]
    assert dyck.innermost(BRACKETS.open).tolist() == innermost
    assert dyck.copied(dyck.pointed_at(PREFIXES)).tolist() == innermost


@pytest.mark.parametrize("attention", list(Attention))
def test_both_kinds_of_attention_solve_the_task(attention: Attention) -> None:
    network = dyck.hand_set(attention)
    found = network.decode(network.add_up(network.attend(PREFIXES)))
    assert torch.equal(found, dyck.innermost(BRACKETS.open))


def test_attention_that_is_everywhere_points_nowhere() -> None:
    pattern, values = dyck.dyck_claims("U", dyck.hand_set(Attention.UNIFORM))
    mass = torch.zeros(len(PREFIXES), 14).scatter_add(
        1, BRACKETS.symbols, torch.ones_like(BRACKETS.symbols, dtype=torch.float)
    )
    wrong = (mass.argmax(dim=1) != dyck.pointed_at(PREFIXES)).double().mean()
    # γ's sharp attention is obeyed, though the network never looks like that
    read, _, replaced, _ = rates(pattern, "axioms")
    assert (read, replaced) == (pytest.approx(wrong), 0)
    assert wrong > 0.5
    assert rates(values, "axioms") == [0, 0, 0, 0]
    assert rates(values, "interchange") == [0, 0]


def test_attention_on_one_bracket_holds_no_other() -> None:
    pattern, values = dyck.dyck_claims("S", dyck.hand_set(Attention.STACK))
    assert rates(pattern, "axioms") == [0, 0, 0, 0]
    assert rates(values, "axioms")[0] > 0.3
    assert [pattern.control, values.control] == ["", "S, pattern"]


def test_committed_dyck_networks_answer_right() -> None:
    assert [row.wrong for row in trained.TRAINED.read(RESULTS / trained.FOLDER)][:10] == [0] * 10
    for name, network in dyck.load_all(RESULTS / trained.FOLDER).items():
        found = network.decode(network.add_up(network.attend(PREFIXES)))
        assert torch.equal(found, dyck.innermost(BRACKETS.open)), name


@pytest.mark.parametrize("attention", list(Attention))
def test_a_seed_gives_the_committed_network(attention: Attention) -> None:
    committed = dyck.load_all(RESULTS / trained.FOLDER)[f"Dyck {attention} 3"]
    assert torch.allclose(dyck.train(attention, 3).values, committed.values, atol=1e-2)


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    for load in (dyck.load_all, evading.load_evading):
        with pytest.raises(MechvalError, match="is missing"):
            load(tmp_path)


@pytest.fixture(scope="module")
def explained() -> Explained:
    run = FinishedRun(Workspace(ROOT), "modular_addition", "reference")
    return load_explained(run, None)


def test_mutants_of_waves_are_counted_on_every_input(explained: Explained) -> None:
    rows = {
        row.operator.removeprefix("modular addition: "): row
        for row in waves.count_wave_mutants(explained)
    }
    n = len(explained.translations.selection.added)
    assert {row.mutants for row in rows.values()} == {n}
    other, left_out = rows["frequency off by one"], rows["frequency left out of the answer"]
    assert (other.by_bits, other.by_answer) == (n, 0)
    assert (left_out.equivalent, left_out.by_bits) == (n, 0)
    # its sum is another unless b is 0
    swapped = rows["sign of a sine swapped"]
    assert swapped.least_bits == pytest.approx(1, abs=0.3)


def test_a_lookup_of_every_input_passes_with_another_program(explained: Explained) -> None:
    *_, lookup = waves.wave_claims(explained, 64, seed=0)
    found = INSTRUMENTS["axioms"](lookup)
    assert [reading.worst.disagreements for reading in found.values()] == [0, 0, 0, 0]
    assert INSTRUMENTS["interchange"](lookup)["γ-interchange"].refusal


def test_a_mutant_keeps_the_maps_of_the_claim(explained: Explained) -> None:
    right, other, *_ = waves.wave_claims(explained, 256, seed=0)
    assert rates(right, "axioms") == [0, 0, 0, 0]
    assert rates(other, "axioms")[0] == 1


def test_training_against_the_axioms_leaves_what_claimed_neurons_read() -> None:
    proved = load_subject(FinishedRun(Workspace(ROOT), "two_sat", "proved"))
    short = Attempt(0, steps=3, formulas=64)
    found = evading.train(proved, CLAIM, short)
    own = proved.components.model.block(1).mlp
    neurons = proved.circuit.readings["calibrated"].neurons
    assert torch.equal(found["W_in"][:, neurons], own.W_in[:, neurons])
    assert not torch.equal(found["W_out"], own.W_out)
    again = evading.train(proved, CLAIM, short)
    assert all(torch.equal(again[name], weight) for name, weight in found.items())


def test_attempts_are_told_as_they_came() -> None:
    rows = evading.ATTEMPTED.read(RESULTS / trained.FOLDER)
    assert len(rows) == len(evading.ATTEMPTS)
    (kept,) = (row for row in rows if row.is_kept)
    reached = [row for row in rows if row.epsilon <= 2 * row.honest]
    assert kept.followed == min((row.followed for row in reached), default=kept.followed)


def test_networks_that_are_trained_have_claims_of_both_kinds() -> None:
    rows = matrix.by_organism(matrix.ENTRIES.read(RESULTS))
    told = {name: next(iter(row.values())).is_sound for name, row in rows.items()}
    for name in dyck.load_all(RESULTS / trained.FOLDER):
        assert {told[f"{name}, pattern"], told[f"{name}, values"]} == {True, False}
