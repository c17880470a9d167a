"""Wrong programs and readings for modular addition, judged with α and γ fitted to the right one.

The network is written by hand (tests/waves.py): the right interpretation holds on every input, so
what a wrong one breaks follows by argument. Where a cell must stay, it must stay without error.
"""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from mechval.axioms import AxiomReport
from mechval.modular_addition.circuit.fourier import waves
from mechval.modular_addition.claim.translations import fit_affine
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer
from tests.waves import Subject, broken, wave_network, with_program

PROBLEM = ModularAddition(p=59)
FREQUENCIES = (3, 8, 14, 20)
N = PROBLEM.n_pairs
EMBED = {"prefix equivalence/embed", "component equivalence/embed"}
EMBED_REPLACED = {"prefix replaceability/embed", "component replaceability/embed"}
ADD_REPLACED = {"prefix replaceability/add"}
ANSWER_PREFIX = {"prefix equivalence/answer", "prefix replaceability/answer"}
ANSWER_COMPONENT = {"component equivalence/answer", "component replaceability/answer"}
ADD = {"prefix equivalence/add", "component equivalence/add"}


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject.of(PROBLEM, wave_network(PROBLEM, FREQUENCIES), FREQUENCIES)


@pytest.fixture(scope="module")
def table() -> torch.Tensor:
    return waves(PROBLEM.p, torch.tensor(FREQUENCIES))


def judged(subject: Subject, table: torch.Tensor, equivalence: str = "downstream") -> AxiomReport:
    right = subject.interpretation(equivalence=equivalence)
    return subject.judge(with_program(right, table))


def test_the_right_interpretation_holds_on_every_input(subject: Subject) -> None:
    assert broken(subject.judge(subject.interpretation())) == {}


def test_a_dropped_frequency_is_missed_at_the_embedding_and_by_the_answer(
    subject: Subject, table: torch.Tensor
) -> None:
    dropped = table.clone()
    dropped[:, 1] = 0
    found = broken(judged(subject, dropped))
    assert set(found) == EMBED | ANSWER_COMPONENT
    assert found["prefix equivalence/embed"] == N


def test_what_comes_after_cannot_see_a_dropped_frequency_but_the_angles_can(
    subject: Subject, table: torch.Tensor
) -> None:
    dropped = table.clone()
    dropped[:, 1] = 0
    right = broken(subject.judge(subject.interpretation(equivalence="angle")))
    found = broken(judged(subject, dropped, "angle"))
    assert found["prefix equivalence/add"] > right["prefix equivalence/add"]
    # h_2 knows no frequency: fed by the network it is as right as before.
    assert found["component equivalence/add"] == right["component equivalence/add"]


def test_cosine_swapped_with_sine_breaks_all_that_knows_a_wave(
    subject: Subject, table: torch.Tensor
) -> None:
    found = broken(judged(subject, table.flip(-1)))
    kept = {"component equivalence/add", "component replaceability/add"}
    assert set(found) == {cell.name for cell in judged(subject, table).cells} - kept
    assert min(found.values()) > 0.9 * N


def test_frequencies_off_by_one_answer_rightly_and_fail_where_they_meet_the_network(
    subject: Subject,
) -> None:
    off_by_one = waves(PROBLEM.p, torch.tensor(FREQUENCIES) + 1)
    found = broken(judged(subject, off_by_one))
    # The program by itself is consistent, so its answers stay right.
    expected = EMBED | EMBED_REPLACED | ADD_REPLACED | ANSWER_COMPONENT
    assert set(found) == expected | {"prefix equivalence/add"}
    assert min(found.values()) > 0.7 * N


def test_a_reading_of_shuffled_sums_fails_where_sums_are_read_and_nowhere_else(
    subject: Subject, table: torch.Tensor
) -> None:
    answers = PROBLEM.answers(PROBLEM.pairs(subject.split.train))
    order = torch.randperm(len(answers), generator=torch.Generator().manual_seed(0))
    hidden = subject.activations.hidden[subject.split.train]
    shuffled = fit_affine(hidden, table[answers[order]].flatten(1))
    translations = replace(subject.translations, sum_readers={"pseudo_inverse": shuffled})
    found = broken(subject.judge(subject.interpretation(translations)))
    assert set(found) == ADD | ANSWER_COMPONENT
    assert min(found.values()) > 0.9 * N


@pytest.fixture(scope="module")
def memorised() -> Subject:
    """Trained without weight decay: every train input right, the held-out ones are not."""
    problem = ModularAddition(p=17)
    model = Transformer(
        Architecture(d_model=32, d_mlp=64, n_heads=(1,)),
        d_vocab=problem.d_vocab,
        n_ctx=problem.n_ctx,
    )
    model.initialise(torch.Generator().manual_seed(0))
    frequencies = (2, 5, 7)
    train = Subject.of(problem, model, frequencies).split.train
    tokens, answers = problem.tokens(problem.pairs(train)), problem.answers(problem.pairs(train))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        functional.cross_entropy(model(tokens)[:, -1], answers).backward()
        optimizer.step()
    return Subject.of(problem, model, frequencies)


def test_a_memorised_network_fails_every_cell_that_compares_its_answers(
    memorised: Subject,
) -> None:
    problem = memorised.problem
    is_right = memorised.activations.labels == problem.answers(problem.all_pairs())
    assert bool(is_right[memorised.split.train].all())
    assert float(is_right.double().mean()) < 0.5
    report = memorised.judge(memorised.interpretation())
    labels = [cell for cell in report.cells if cell.axiom.is_replaceability]
    assert all(cell.rate > 0.4 for cell in labels)
    assert {"prefix equivalence/embed", "prefix equivalence/answer"} <= set(broken(report))


def test_the_paper_s_reading_of_the_embedding_cannot_fail_even_there(memorised: Subject) -> None:
    report = memorised.judge(memorised.interpretation(reading="all_tokens"))
    assert memorised.translations.readers["all_tokens"].is_vacuous
    assert not EMBED & set(broken(report))
