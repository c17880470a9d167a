import pytest
import torch

from mechval.axioms import EvidenceKind
from mechval.modular_addition.claim.controls import (
    HELD_OUT,
    NETWORK,
    RANDOM_EMBEDDING,
    SHUFFLED,
    ReadingErrors,
    decimal_rows,
    embedding_readers,
    half_of_the_numbers,
    reading_row,
    sum_readers,
)
from mechval.modular_addition.network.components import record_activations
from mechval.modular_addition.problem import ModularAddition
from mechval.transformer import Architecture, Transformer
from tests.waves import Subject, wave_network

PROBLEM = ModularAddition(p=29)
FREQUENCIES = (2, 5, 9)


def rows_of(model: Transformer) -> dict[tuple[str, str, str], ReadingErrors]:
    generator = torch.Generator().manual_seed(0)
    half = half_of_the_numbers(PROBLEM, generator)
    subject = Subject.of(PROBLEM, model, FREQUENCIES)
    key = subject.translations.selection.held
    activations = record_activations(model, PROBLEM)
    readers = [
        *embedding_readers(model, PROBLEM, key, half, generator),
        *sum_readers(model, PROBLEM, key, activations, subject.split, generator),
    ]
    rows = [reading_row(reader) for reader in readers]
    return {(row.reading, row.subject, row.judged_on): row for row in rows}


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str, str], ReadingErrors]:
    return rows_of(wave_network(PROBLEM, FREQUENCIES))


@pytest.mark.parametrize("subject", [RANDOM_EMBEDDING, SHUFFLED])
@pytest.mark.parametrize(
    ("name", "judged_on"),
    [
        ("pseudo_inverse", "the numbers it was fitted on"),
        ("half_tokens", "the other numbers"),
        ("regression", HELD_OUT),
    ],
)
def test_a_reading_that_can_fail_reads_the_network_and_no_control(
    rows: dict[tuple[str, str, str], ReadingErrors], name: str, judged_on: str, subject: str
) -> None:
    assert rows[name, NETWORK, judged_on].r_squared > 0.7
    assert rows[name, subject, judged_on].r_squared < 0.5
    assert not rows[name, subject, judged_on].vacuous


def test_the_paper_s_reading_of_a_wide_embedding_reads_everything() -> None:
    model = Transformer(
        Architecture(d_model=32, d_mlp=16, n_heads=(1,)),
        d_vocab=PROBLEM.d_vocab,
        n_ctx=PROBLEM.n_ctx,
    )
    model.initialise(torch.Generator().manual_seed(0))
    rows = rows_of(model)
    for subject in (NETWORK, RANDOM_EMBEDDING, SHUFFLED):
        row = rows["all_tokens", subject, "the numbers it was fitted on"]
        assert row.vacuous
        assert row.r_squared == pytest.approx(1)


def test_rounding_to_fewer_decimals_forgives_more() -> None:
    generator = torch.Generator().manual_seed(0)
    model = wave_network(PROBLEM, FREQUENCIES, noise=0.01)
    half = half_of_the_numbers(PROBLEM, generator)
    readers = embedding_readers(model, PROBLEM, torch.tensor(FREQUENCIES), half, generator)
    (reader,) = (
        reader
        for reader in readers
        if (reader.judged.reading, reader.judged.subject) == ("pseudo_inverse", NETWORK)
    )
    rows = list(decimal_rows(reader, PROBLEM.p, (0, 1, 2, 3), 0.95))
    assert [row.decimals for row in rows] == [None, 0, 1, 2, 3, None]
    counts = [row.disagreements for row in rows[1:]]
    assert counts == sorted(counts)
    assert counts[-1] == PROBLEM.p
    assert {row.kind for row in rows} == {EvidenceKind.EXACT}
