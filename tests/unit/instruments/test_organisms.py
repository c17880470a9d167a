"""Organisms that are fitted or trained, on states and networks whose every entry is known."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from mechval.errors import MechvalError
from mechval.instruments import dyck, evading, matrix, squares, trained, waves
from mechval.instruments.columns import INSTRUMENTS
from mechval.instruments.dyck import Attention
from mechval.instruments.evading import Attempt
from mechval.instruments.fitted import fit_directions, fitted_organism
from mechval.instruments.organism import Organism
from mechval.modular_addition.problem import ModularAddition
from mechval.modular_addition.single.explain import Explained, load_explained
from mechval.pipeline import FinishedRun, Workspace
from mechval.two_sat.single.subject import Subject, load_subject

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
        fit_directions(state(PAIRS), hold_in(PAIRS), 2),
        variables=names,
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


def hand_set_squares(p: int = 7, *, has_signs: bool) -> squares.Network:
    """A neuron for each pair of squares; if asked, a dimension that nothing reads tells a from −a
    and b from −b."""
    numbers = torch.arange(p)
    own = (numbers**2 % p).unique()
    n = len(own)
    stands = (numbers[:, None] ** 2 % p == own).float()
    sign = 0.1 * (numbers > p // 2).float()[:, None] * has_signs
    nothing = torch.zeros(p, n)
    embeddings = [torch.cat([stands, nothing, sign], 1), torch.cat([nothing, stands, 2 * sign], 1)]
    first, second = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T
    reads = torch.zeros(2 * n + 1, n * n)
    reads[first, torch.arange(n * n)] = 1
    reads[n + second, torch.arange(n * n)] = 1
    writes = torch.eye(p)[(own[first] - own[second]) % p]
    return squares.Network(torch.stack(embeddings), reads, -torch.ones(n * n), writes)


def test_another_program_passes_by_maps_that_read_what_nothing_uses() -> None:
    right, wrong, finer = squares.square_claims(hand_set_squares(has_signs=True), 512, 0, rank=7)
    for organism in (right, finer):
        assert rates(organism, "axioms") == [0, 0, 0, 0]
        assert rates(organism, "interchange") == [0, 0]
    assert min(rates(wrong, "axioms")) > 0.5
    assert [each.is_sound for each in (right, wrong, finer)] == [True, False, False]


def test_another_program_fails_where_squares_alone_are_held() -> None:
    right, _, finer = squares.square_claims(hand_set_squares(has_signs=False), 512, 0, rank=6)
    assert rates(right, "axioms") == [0, 0, 0, 0]
    # α cannot tell a from −a; what γ writes of either is the same
    reads, _, writes, _ = rates(finer, "axioms")
    assert (reads > 0.4, writes) == (True, 0)


def test_squares_are_trained_alike_from_a_seed_and_the_committed_ones_are_right() -> None:
    first, again = (squares.train(1, p=5, steps=3) for _ in range(2))
    assert torch.equal(first.reads, again.reads)
    assert not torch.equal(first.reads, squares.train(2, p=5, steps=3).reads)
    network, pairs = (
        squares.load(RESULTS / trained.FOLDER),
        ModularAddition(p=squares.P).all_pairs(),
    )
    wrong = network.answer(network.add_up(pairs)) != (pairs[:, 0] ** 2 - pairs[:, 1] ** 2) % 113
    assert not wrong.any()


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


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("maker", [dyck, evading, squares])
def test_missing_and_damaged_weights_are_refused(
    maker: ModuleType, is_there: bool, tmp_path: Path
) -> None:
    if is_there:
        (tmp_path / maker.WEIGHTS).write_bytes(b"{")
    load = {dyck: dyck.load_all, evading: evading.load_evading, squares: squares.load}[maker]
    with pytest.raises(MechvalError, match=rf"{maker.WEIGHTS} cannot be read .*; allowed: what "):
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
    rows = evading.known_attempts(RESULTS / trained.FOLDER)
    assert [row.attempt for row in rows] == [*range(len(evading.ATTEMPTS))]
    (kept,) = (row for row in rows if row.is_kept)
    assert kept.is_evading or not any(row.is_evading for row in rows)
    own, honest = kept.epsilon, kept.honest
    assert not replace(kept, epsilon=2.1 * honest).is_evading
    assert not replace(kept, epsilon=honest, followed=0.11).is_evading
    assert own == min(row.epsilon for row in rows) or own <= 2 * honest


def test_attempts_that_were_made_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proved = load_subject(FinishedRun(Workspace(ROOT), "two_sat", "proved"))
    template = evading.known_attempts(RESULTS / trained.FOLDER)[0]
    epsilons, seeds = [0.5, 0.1, 0.1 - 1e-9], []

    def train(subject: Subject, claim: str, attempt: Attempt) -> dict[str, Tensor]:
        seeds.append(attempt.seed)
        return {"seed": torch.tensor(attempt.seed)}

    def measured(number: int, *_: object) -> evading.AttemptRow:
        return replace(template, attempt=number, epsilon=epsilons[number])

    monkeypatch.setattr(evading, "train", train)
    monkeypatch.setattr(evading, "_measured", measured)
    monkeypatch.setattr(evading, "evading", lambda *_: None)
    short = tuple(Attempt(seed, steps=1) for seed in range(3))
    for n, best in ((1, 0), (3, 1)):
        monkeypatch.setattr(evading, "ATTEMPTS", short[:n])
        assert evading.train_all(proved, CLAIM, tmp_path, 64).attempt == best
        assert [row.is_kept for row in evading.known_attempts(tmp_path)] == [
            number == best for number in range(n)
        ]
    assert seeds == [0, 1, 2]
    assert evading.load_evading(tmp_path)["seed"].item() == 1


def test_networks_that_are_trained_have_claims_of_both_kinds() -> None:
    rows = matrix.by_organism(matrix.ENTRIES.read(RESULTS))
    told = {name: next(iter(row.values())).is_sound for name, row in rows.items()}
    for name in dyck.load_all(RESULTS / trained.FOLDER):
        assert {told[f"{name}, pattern"], told[f"{name}, values"]} == {True, False}
