"""Block 0's score tables against the network's own attention, over every formula of a tiny size."""

from itertools import product

import pytest
import torch
from torch import Tensor

from mechval.transformer import Architecture, Transformer
from mechval.two_sat.circuit.evidence.attention_extremes import (
    Choice,
    answer_extreme_rows,
    worst_case,
)
from mechval.two_sat.circuit.evidence.scores import (
    ScoreTables,
    expected_pattern,
    first_block_scores,
)
from mechval.two_sat.formulas.tokens import FormulaLayout, Vocabulary, encode_formulas
from mechval.two_sat.problem import Problem
from tests.networks import random_network

TINY = Problem(n_variables=3, n_clauses=4)
LAYOUT = FormulaLayout(TINY)
TWO_HEADS = Architecture(d_model=16, d_mlp=8, n_heads=(2, 1))


@pytest.fixture(scope="module")
def model() -> Transformer:
    """Random weights, enlarged so that attention is far from uniform."""
    model = random_network(TINY, architecture=TWO_HEADS)
    with torch.no_grad():
        model.W_E.mul_(3)
        model.W_pos.mul_(2)
    return model


@pytest.fixture(scope="module")
def tables(model: Transformer) -> ScoreTables:
    return first_block_scores(model)


def every_formula(n_clauses: int) -> Tensor:
    """All formulas that differ in their first clauses; the others hold clause 0."""
    chosen = torch.cartesian_prod(*[torch.arange(TINY.n_distinct_clauses)] * n_clauses)
    rest = torch.zeros(len(chosen), TINY.n_clauses - n_clauses, dtype=torch.long)
    return encode_formulas(TINY, torch.cat([chosen.reshape(len(rest), -1), rest], dim=1))


def every_literal_choice(n_clauses: int) -> Tensor:
    """All ways to put literals where literals stand in the first clauses."""
    tokens = encode_formulas(TINY, torch.zeros(1, TINY.n_clauses, dtype=torch.long))
    choices = torch.tensor(list(product(range(TINY.n_literals), repeat=2 * n_clauses)))
    tokens = tokens.repeat(len(choices), 1)
    places = [place for c in range(n_clauses) for place in (4 * c + 1, 4 * c + 2)]
    tokens[:, places] = choices
    return tokens


@torch.inference_mode()
def attention(model: Transformer, tokens: Tensor, position: int) -> Tensor:
    embedded = model.embed(tokens).double()
    attn = model.double().block(0).attn
    pattern = attn.pattern(embedded, torch.tensor([position]))[:, :, 0]
    model.float()
    return pattern


CASES = [
    ("admissible", 0),
    ("admissible", 1),
    ("admissible", 2),
    ("paper", 0),
    ("paper", 1),
]


@pytest.mark.parametrize(("choice", "clause"), CASES)
def test_the_worst_case_is_the_least_weight_over_every_formula(
    model: Transformer, tables: ScoreTables, choice: Choice, clause: int
) -> None:
    enumerate_tokens = every_formula if choice == "admissible" else every_literal_choice
    position = LAYOUT.second_literal_positions[clause]
    pattern = attention(model, enumerate_tokens(clause + 1), position)
    found = worst_case(tables, TINY, clause, choice)
    torch.testing.assert_close(found["first_literal"][0], pattern[..., position - 1].amin(dim=0))
    both = pattern[..., position - 1 : position + 1].sum(dim=-1)
    torch.testing.assert_close(found["own_clause"][0], both.amin(dim=0))


def test_the_worst_case_happens_at_the_clause_it_names(
    model: Transformer, tables: ScoreTables
) -> None:
    tokens = every_formula(2)
    pattern = attention(model, tokens, 6)[..., 5]
    _, named = worst_case(tables, TINY, 1, "admissible")["first_literal"]
    for head, row in enumerate(pattern.argmin(dim=0).tolist()):
        assert tokens[row, 5:7].tolist() == named[head].tolist()


def test_more_choices_never_raise_the_worst_case(tables: ScoreTables) -> None:
    for clause in range(TINY.n_clauses):
        free, strict = (worst_case(tables, TINY, clause, c) for c in ("paper", "admissible"))
        for target, (weights, _) in free.items():
            assert bool((weights <= strict[target][0]).all())


def test_admissible_extremes_of_the_answer_token_are_those_of_every_formula(
    model: Transformer, tables: ScoreTables
) -> None:
    pattern = attention(model, every_formula(4), LAYOUT.answer_position)
    rows = [row for row in answer_extreme_rows(tables, TINY) if row.version == "admissible"]
    assert [row.smallest for row in rows] == pytest.approx(pattern.amin(dim=(0, 2)).tolist())
    assert [row.largest for row in rows] == pytest.approx(pattern.amax(dim=(0, 2)).tolist())


def test_corrected_extremes_hold_for_every_token_at_every_position(
    model: Transformer, tables: ScoreTables
) -> None:
    colon = Vocabulary(TINY).colon
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, colon + 1, (500, LAYOUT.n_ctx), generator=generator)
    tokens[:, -1] = colon
    pattern = attention(model, tokens, LAYOUT.answer_position)
    for row in answer_extreme_rows(tables, TINY):
        if row.version == "corrected":
            own = pattern[:, row.head]
            assert row.smallest < float(own.min())
            assert row.largest > float(own.max())


def test_the_paper_s_extremes_are_the_corrected_ones_where_the_misread_entries_agree() -> None:
    n_ctx, d_vocab = LAYOUT.n_ctx, Vocabulary(TINY).d_vocab
    scores = torch.linspace(-1, 1, n_ctx, dtype=torch.float64)
    positions = torch.zeros(1, n_ctx, n_ctx, dtype=torch.float64)
    same = ScoreTables(
        token_token=scores[:d_vocab].expand(1, d_vocab, -1),
        token_position=scores.expand(1, d_vocab, -1),
        position_token=torch.zeros(1, n_ctx, d_vocab, dtype=torch.float64),
        position_position=positions,
    )
    paper, corrected, _ = answer_extreme_rows(same, TINY)
    assert paper.largest == corrected.largest


def test_the_paper_s_extremes_differ_otherwise(tables: ScoreTables) -> None:
    found = {row.version: row.largest for row in answer_extreme_rows(tables, TINY)}
    assert found["paper"] != found["corrected"]


def test_the_paper_s_extremes_are_left_out_where_their_index_does_not_exist() -> None:
    problem = Problem(n_variables=8, n_clauses=4)
    tables = first_block_scores(random_network(problem))
    versions = [row.version for row in answer_extreme_rows(tables, problem)]
    assert versions == ["corrected", "admissible"]


def test_the_expected_pattern_is_the_softmax_of_the_mean_scores(
    model: Transformer, tables: ScoreTables
) -> None:
    tokens = every_formula(4)
    for position in (2, 6, 14, LAYOUT.answer_position):
        scores = tables.from_position(position)
        rows, keys = tokens[:, position], torch.arange(position + 1)
        mean = scores[:, rows[:, None], keys, tokens[:, : position + 1]].mean(dim=1)
        found = expected_pattern(tables, TINY)[:, position, : position + 1]
        torch.testing.assert_close(found, mean.softmax(dim=-1))


def test_the_tables_add_up_to_the_network_s_attention(
    model: Transformer, tables: ScoreTables
) -> None:
    tokens = every_formula(2)[::7]
    scores = tables.from_position(6)[:, tokens[:, 6, None], torch.arange(7), tokens[:, :7]]
    found = attention(model, tokens, 6)[..., :7].transpose(0, 1)
    torch.testing.assert_close(scores.softmax(dim=-1), found)
