"""The drift bound against the drift itself, formula by formula."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mechval.errors import MechvalError
from mechval.transformer import Transformer
from mechval.two_sat.certify.drift.answer import (
    AnswerDrift,
    answer_drift,
    drift_rows,
    largest_average,
    positions_of,
)
from mechval.two_sat.certify.drift.positions import Drift, clause_at_position, measure_drift
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.formulas.tokens import Vocabulary, encode_formulas
from mechval.two_sat.interpretation import ClauseParser
from mechval.two_sat.network.components import Components
from tests.parsing_networks import TINY_PROBLEM, parsing_network

FORMULAS = np.random.default_rng(0).integers(0, 12, (40, 5))


class Subject:
    """A network, the residual stream γ_1 freezes, and the margins of both."""

    def __init__(self, answer_scale: float, *, attends: bool = True):
        self.model = parsing_network(1, n_heads=2)
        with torch.no_grad():
            for parameter in self.model.block(1).parameters():
                parameter.mul_(answer_scale)
            self.model.block(1).attn.value.mul_(float(attends))
        self.prototypes = clause_prototypes(self.model, TINY_PROBLEM)
        components = Components(self.model, TINY_PROBLEM)
        tokens = encode_formulas(TINY_PROBLEM, torch.from_numpy(FORMULAS))
        with torch.no_grad():
            resid = components.parse(tokens)
            self.mean = resid.mean(dim=0)
            parser = ClauseParser(TINY_PROBLEM, self.prototypes, self.mean)
            self.own = margins(components, resid)
            self.substituted = margins(components, parser.gamma(parser.program(tokens)))

    def bound(self) -> AnswerDrift:
        drift = measure_drift(
            self.model, TINY_PROBLEM, self.prototypes.numpy(), self.mean.numpy(), FORMULAS
        )
        return answer_drift(drift, "all")


def margins(components: Components, resid: torch.Tensor) -> np.ndarray:
    """s against u, then against every other token."""
    vocabulary = Vocabulary(TINY_PROBLEM)
    logits = components.answer_logits(components.evaluate(resid)).numpy()
    s, u = vocabulary.satisfiable, vocabulary.unsatisfiable
    others = [token for token in range(vocabulary.d_vocab) if token not in (s, u)]
    return logits[:, [s]] - logits[:, [u, *others]]


@pytest.fixture(scope="module", params=[1.0, 4.0])
def subject(request: pytest.FixtureRequest) -> Subject:
    return Subject(request.param)


def test_the_frozen_margins_are_those_of_the_substituted_network(subject: Subject) -> None:
    np.testing.assert_allclose(subject.bound().margin, subject.substituted, atol=1e-4)


def test_no_formula_drifts_beyond_its_bound(subject: Subject) -> None:
    found, drift = subject.bound(), subject.own - subject.substituted
    assert (found.lower - 1e-4 <= drift).all()
    assert (drift <= found.upper + 1e-4).all()


def test_where_the_label_is_certified_it_is_the_network_s(subject: Subject) -> None:
    found = subject.bound()
    same = (subject.own > 0).all(axis=1) == (subject.substituted > 0).all(axis=1)
    assert same[found.is_certified].all()


def test_without_the_answer_position_the_bound_fails_where_only_that_matters() -> None:
    subject = Subject(4.0, attends=False)
    drift = measure_drift(
        subject.model, TINY_PROBLEM, subject.prototypes.numpy(), subject.mean.numpy(), FORMULAS
    )
    without = answer_drift(drift.only(np.arange(21) < 20), "without ':'")
    true = subject.own - subject.substituted
    assert ((true < without.lower - 1e-3) | (true > without.upper + 1e-3)).any()


def test_every_source_has_a_row_and_all_together_drift_most(subject: Subject) -> None:
    rows = drift_rows(subject.model, TINY_PROBLEM, subject.prototypes, subject.mean, FORMULAS[:10])
    assert [row.source for row in rows] == list(positions_of(21))
    assert rows[-1].median_drift >= max(row.median_drift for row in rows[:-1])


def test_the_frozen_margins_err_by_less_than_their_bound(subject: Subject) -> None:
    drift = measure_drift(
        subject.model, TINY_PROBLEM, subject.prototypes.numpy(), subject.mean.numpy(), FORMULAS
    )
    found, exact = answer_drift(drift, "all"), exact_margins(drift)
    distance = np.abs(found.margin - exact).max()
    assert 0 < distance <= found.error.min()
    assert found.error.max() < np.abs(exact).max() / 500


def exact_margins(drift: Drift) -> np.ndarray:
    """The frozen network's margins with 11 bits more than float64 has."""
    block, (position, clauses) = drift.block, clause_at_position(FORMULAS)
    parts = (drift.frozen[position, clauses], block.answer, block.W_Q, block.W_K, block.W_VO)
    frozen, answer, W_Q, W_K, W_VO = (part.astype(np.longdouble) for part in parts)
    resid_mid = np.repeat(answer[None], len(FORMULAS), axis=0)
    for ask, key, output in zip(W_Q, W_K, W_VO, strict=True):
        weight = np.exp(frozen @ key @ (answer @ ask))
        pattern = weight / weight.sum(axis=1, keepdims=True)
        resid_mid += (pattern[..., None] * (frozen @ output)).sum(axis=1)
    hidden = np.maximum(resid_mid @ block.W_in + block.b_in, 0)
    return resid_mid @ block.rivals + hidden @ block.effect + block.constant


boxes = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.tuples(st.floats(0.01, 1), st.floats(1, 50), st.floats(-10, 10)), min_size=n, max_size=n
    )
)


@given(boxes, st.sampled_from([1e-15, 1e-9, 1e-3]))
def test_no_average_under_the_allowed_weights_exceeds_the_largest(
    box: list[tuple[float, float, float]], relative: float
) -> None:
    least, value = np.array([[b[0] for b in box]]), np.array([[b[2] for b in box]])
    most = least * np.array([[b[1] for b in box]])
    error = np.full((1, 1), relative * np.abs(value).max() + 1e-300)
    found = largest_average(least, most, value[..., None], np.full((1, 1), relative), error)
    exact = largest_fraction(least[0].tolist(), most[0].tolist(), value[0].tolist())
    assert (
        exact <= Fraction(float(found[0, 0])) <= exact + Fraction(20 * float(error[0, 0]) + 1e-12)
    )


def largest_fraction(least: list[float], most: list[float], value: list[float]) -> Fraction:
    """The same exactly: the largest has most weight on the largest values, so try each number."""
    ordered = sorted(zip(value, least, most, strict=True), reverse=True)
    found = []
    for n_most in range(len(ordered) + 1):
        weights = [Fraction(b[2] if i < n_most else b[1]) for i, b in enumerate(ordered)]
        total = sum(w * Fraction(b[0]) for w, b in zip(weights, ordered, strict=True))
        found.append(total / sum(weights))
    return max(found)


def test_a_network_of_one_block_is_refused() -> None:
    subject = Subject(1.0)
    model = Transformer(
        subject.model.architecture.model_copy(update={"n_heads": (2,)}), d_vocab=12, n_ctx=21
    )
    with pytest.raises(MechvalError, match="a network of 1 blocks is not allowed"):
        drift_rows(model, TINY_PROBLEM, subject.prototypes, subject.mean, FORMULAS)


def test_the_table_never_states_less_than_the_bound(subject: Subject) -> None:
    rows = drift_rows(subject.model, TINY_PROBLEM, subject.prototypes, subject.mean, FORMULAS)
    found = subject.bound()
    largest = np.maximum(-found.lower[:, 0], found.upper[:, 0])
    for column, bound in (("median_drift", np.median(largest)), ("least_drift", largest.min())):
        stated = getattr(rows[-1], column)
        assert bound <= stated <= 1.01 * bound
