"""Proofs about parsing against the truth, where all 248 832 formulas can be tried."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mechval.errors import MechvalError
from mechval.transformer import Transformer, save_weights
from mechval.two_sat.certify.parsing.certificate import (
    CaseStatus,
    ParsingCase,
    ParsingCertificate,
    content_digest,
    load_certificate,
    save_certificate,
)
from mechval.two_sat.certify.parsing.checker import check_parsing
from mechval.two_sat.certify.parsing.prover import certify_parsing
from mechval.two_sat.circuit.clause_prototypes import clause_prototypes
from mechval.two_sat.circuit.nearest_prototype import nearest_prototype
from mechval.two_sat.formulas.tokens import encode_formulas
from mechval.two_sat.network.components import Components
from tests.parsing_networks import TINY_PROBLEM, parsing_network, plant_violation, true_margins
from tests.settings import TWO_SAT, changed

CONFIG = TWO_SAT.certify.parsing
RIGHT: dict[str, Callable[[], Transformer]] = {
    "seed 0": lambda: parsing_network(0),
    "seed 1": lambda: parsing_network(1),
    "seed 2": lambda: parsing_network(2),
    "seed 3": lambda: parsing_network(3),
    "two heads": lambda: parsing_network(2, n_heads=2),
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A network, what is proved about it and what is true."""

    model: Transformer
    certificate: ParsingCertificate
    truth: list[np.ndarray]

    def true_margin(self, case: ParsingCase) -> float:
        return float(self.truth[case.clause_position][..., case.clause].min())


def make_subject(model: Transformer) -> Subject:
    return Subject(
        model, certify_parsing(model, TINY_PROBLEM, CONFIG), true_margins(model, TINY_PROBLEM)
    )


@pytest.fixture(scope="module", params=RIGHT)
def right(request: pytest.FixtureRequest) -> Subject:
    return make_subject(RIGHT[request.param]())


@pytest.fixture(scope="module")
def mixed() -> Subject:
    """Some of its cases need branches, some are false."""
    return make_subject(parsing_network(2, n_heads=2, focus=1.0, mlp_scale=4.0))


def assert_sound(subject: Subject) -> None:
    """Every bound is on its side of the truth, and no false case is certified."""
    for case in subject.certificate.cases:
        true = subject.true_margin(case)
        assert case.attained_margin >= true - case.numerical_error
        if case.status is not CaseStatus.REFUTED:
            assert case.margin <= true + case.numerical_error
        if true <= 0:
            assert case.status is not CaseStatus.CERTIFIED


def test_a_network_that_parses_every_formula_is_certified(right: Subject) -> None:
    assert {case.status for case in right.certificate.cases} == {CaseStatus.CERTIFIED}


def test_no_bound_is_above_the_true_extremum(right: Subject) -> None:
    assert_sound(right)


def test_bounds_are_close_to_the_true_extremum(right: Subject) -> None:
    gaps = [right.true_margin(case) - case.margin for case in right.certificate.cases]
    assert max(gaps) < 0.01


def test_where_some_formulas_are_misread_no_bound_is_above_the_truth(mixed: Subject) -> None:
    assert_sound(mixed)


def test_what_bounds_alone_leave_open_is_decided_by_branches(mixed: Subject) -> None:
    branched = [case for case in mixed.certificate.cases if case.n_branches]
    assert {case.status for case in branched} == {CaseStatus.CERTIFIED}


def test_every_counterexample_is_misread_by_the_network_itself(mixed: Subject) -> None:
    refuted = [case for case in mixed.certificate.cases if case.status is CaseStatus.REFUTED]
    tokens = encode_formulas(
        TINY_PROBLEM, torch.tensor([case.worst_formula for case in refuted], dtype=torch.long)
    )
    resid = Components(mixed.model, TINY_PROBLEM).parse(tokens)
    found = nearest_prototype(resid[:, 2::4], clause_prototypes(mixed.model, TINY_PROBLEM))
    n = TINY_PROBLEM.n_literals
    for case, row, pairs in zip(refuted, tokens.tolist(), found.tolist(), strict=True):
        first, second = row[4 * case.clause_position + 1 : 4 * case.clause_position + 3]
        assert pairs[case.clause_position] not in (first * n + second, second * n + first)


def test_without_a_budget_a_case_stays_unknown_and_says_why() -> None:
    model = parsing_network(2, n_heads=2, focus=1.0, mlp_scale=4.0)
    found = certify_parsing(model, TINY_PROBLEM, changed(TWO_SAT.certify.parsing, max_branches=0))
    stopped = {case.stopped_by for case in found.cases if case.status is CaseStatus.UNKNOWN}
    assert stopped == {"max_branches=0"}


@pytest.mark.parametrize("seed", range(5))
def test_a_single_misread_formula_is_found(seed: int) -> None:
    model = parsing_network(seed)
    planted = plant_violation(model)
    margins = true_margins(model, TINY_PROBLEM)
    assert [int((found < 0).sum()) for found in margins] == [0, 0, 0, 0, 1]
    certificate = certify_parsing(model, TINY_PROBLEM, CONFIG)
    refuted = [case for case in certificate.cases if case.status is not CaseStatus.CERTIFIED]
    assert [(case.status, case.worst_formula) for case in refuted] == [
        (CaseStatus.REFUTED, planted)
    ]


def test_the_same_network_gives_the_same_bytes(mixed: Subject, tmp_path: Path) -> None:
    paths = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    again = certify_parsing(mixed.model, TINY_PROBLEM, CONFIG)
    for certificate, path in zip((mixed.certificate, again), paths, strict=True):
        save_certificate(certificate, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_checker_accepts_a_certificate(right: Subject, tmp_path: Path) -> None:
    checked = check_parsing(*files(right, tmp_path))
    assert checked.n_certified == len(right.certificate.cases)
    assert checked.least_margin == min(case.margin for case in right.certificate.cases)


def test_the_checker_accepts_branches_and_counterexamples(mixed: Subject, tmp_path: Path) -> None:
    checked = check_parsing(*files(mixed, tmp_path))
    found = mixed.certificate
    assert (checked.n_certified, checked.n_refuted) == (
        found.count(CaseStatus.CERTIFIED),
        found.count(CaseStatus.REFUTED),
    )


Arrays = dict[str, np.ndarray]
Cases = list[dict[str, Any]]


def last_certified(cases: Cases) -> dict[str, Any]:
    return [case for case in cases if case["status"] == "certified"][-1]


def first_refuted(cases: Cases) -> dict[str, Any]:
    return next(case for case in cases if case["status"] == "refuted")


def claim_all_certified(arrays: Arrays, cases: Cases) -> None:
    """The refuted case gets the bounds of another one."""
    case = first_refuted(cases)
    arrays["case"][0] = cases.index(case)
    case |= {"status": "certified", "margin": float(arrays["margin"][0])}


def drop_leaf(arrays: Arrays) -> None:
    for name in set(arrays) - {"prototypes"}:
        arrays[name] = arrays[name][1:]


def repeat_leaf(arrays: Arrays) -> None:
    for name in set(arrays) - {"prototypes"}:
        arrays[name] = np.concatenate([arrays[name][:1], arrays[name]])


def other_branch(arrays: Arrays) -> None:
    """Two branches about the same earlier clause, none about the other."""
    leaf = int(np.flatnonzero(arrays["fixed"][:, 0] == 0)[0])
    arrays["fixed"][leaf, 0] = 1


def shallower(arrays: Arrays) -> None:
    """A branch that claims to hold whatever the earlier clause is."""
    arrays["fixed"][arrays["fixed"][:, 0] == 0] = -1


def raise_all(arrays: Arrays, cases: Cases) -> None:
    arrays["margin"][:] += 0.5
    for case in cases:
        case["margin"] += 0.5 * (case["status"] == "certified")


TAMPERINGS: dict[str, Callable[[Arrays, Cases], object]] = {
    "a final bound raised": lambda a, c: a["ratio"].__setitem__((-1, 0, slice(None)), 9.0),
    "all final bounds raised a little": lambda a, c: a["ratio"].__iadd__(np.float32(1e-3)),
    "a final bound not a number": lambda a, c: a["ratio"].__setitem__((-1, 0, 5), np.nan),
    "lower ranges raised": lambda a, c: a["lower"].__iadd__(np.float32(1e-3)),
    "one lower range raised": lambda a, c: a["lower"].__setitem__((0, 0, 0), 1.0),
    "upper ranges lowered": lambda a, c: a["upper"].__isub__(np.float32(1e-3)),
    "one upper range lowered": lambda a, c: a["upper"].__setitem__((-1, 0, 3), -9.0),
    "a range not a number": lambda a, c: a["upper"].__setitem__((-1, 0, 3), np.nan),
    "a range without end": lambda a, c: a["lower"].__setitem__((2, 0, 0), np.inf),
    "the other prototype": lambda a, c: np.logical_not(a["is_swapped"], out=a["is_swapped"]),
    "a leaf's margin raised": lambda a, c: a["margin"].__setitem__(0, a["margin"][0] + 1),
    "all margins raised": raise_all,
    "a leaf dropped": lambda a, c: drop_leaf(a),
    "a leaf repeated": lambda a, c: repeat_leaf(a),
    "a branch for another": lambda a, c: other_branch(a),
    "a branch for all": lambda a, c: shallower(a),
    "a leaf of another case": lambda a, c: a["case"].__setitem__(0, 1),
    "a prototype moved": lambda a, c: a["prototypes"].__setitem__((0, 0), 3.0),
    "prototypes exchanged": lambda a, c: a.update(prototypes=a["prototypes"][::-1].copy()),
    "a case's margin raised": lambda a, c: last_certified(c).update(margin=7.0),
    "no numerical error": lambda a, c: c[0].update(numerical_error=0.0),
    "more attention": lambda a, c: c[0].update(own_clause_attention=1.0),
    "a higher attained margin": lambda a, c: c[-1].update(attained_margin=7.0),
    "another worst formula": lambda a, c: c[-1].update(worst_formula=[0, 0, 0, 0, 0]),
    "a counterexample that is none": lambda a, c: last_certified(c).update(status="refuted"),
    "a certified case without bounds": lambda a, c: first_refuted(c).update(status="certified"),
    "a false case with another's bounds": claim_all_certified,
    "a case dropped": lambda a, c: c.pop(),
    "a case twice": lambda a, c: c.append(c[0]),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_checker_rejects_a_tampered_certificate(
    mixed: Subject, tmp_path: Path, name: str
) -> None:
    certificate, weights = files(mixed, tmp_path)
    tamper(certificate, TAMPERINGS[name])
    with pytest.raises(MechvalError, match="certificate is refused"):
        check_parsing(certificate, weights)


def test_the_checker_rejects_a_file_whose_content_was_changed(
    mixed: Subject, tmp_path: Path
) -> None:
    certificate, weights = files(mixed, tmp_path)
    content = bytearray(certificate.read_bytes())
    content[-3] ^= 1
    certificate.write_bytes(content)
    with pytest.raises(MechvalError, match="another hash"):
        check_parsing(certificate, weights)


def test_the_checker_rejects_a_header_that_is_too_deep(mixed: Subject, tmp_path: Path) -> None:
    certificate, weights = files(mixed, tmp_path)
    save_file(load_file(certificate), certificate, {"certificate": "[" * 100_000})
    with pytest.raises(MechvalError, match=r"cannot be read \(RecursionError\)"):
        check_parsing(certificate, weights)
    with pytest.raises(MechvalError, match=r"cannot be read \(RecursionError\)"):
        load_certificate(certificate)


def test_the_checker_rejects_the_certificate_of_another_checkpoint(
    mixed: Subject, tmp_path: Path
) -> None:
    certificate, weights = files(mixed, tmp_path)
    save_weights(parsing_network(3, n_heads=2), weights)
    with pytest.raises(MechvalError, match="the hashes differ"):
        check_parsing(certificate, weights)


def test_the_enumeration_behind_these_tests_is_the_network_s_own_forward_pass() -> None:
    model = parsing_network(0)
    formulas = np.random.default_rng(0).integers(0, 12, (50, 5))
    tokens = encode_formulas(TINY_PROBLEM, torch.from_numpy(formulas))
    resid = Components(model, TINY_PROBLEM).parse(tokens)[:, 18]
    units = torch.nn.functional.normalize(clause_prototypes(model, TINY_PROBLEM), dim=-1)
    scores, n = resid @ units.T, TINY_PROBLEM.n_literals
    accepted = torch.stack([tokens[:, 17] * n + tokens[:, 18], tokens[:, 18] * n + tokens[:, 17]])
    best = scores.gather(1, accepted.T).amax(dim=1)
    margins = best - scores.scatter(1, accepted.T, -torch.inf).amax(dim=1)
    expected = true_margins(model, TINY_PROBLEM)[-1][tuple(formulas.T)]
    np.testing.assert_allclose(margins.detach().numpy(), expected, atol=1e-4)


def files(subject: Subject, directory: Path) -> tuple[Path, Path]:
    certificate, weights = directory / "parsing.safetensors", directory / "weights.safetensors"
    save_certificate(subject.certificate, certificate)
    save_weights(subject.model, weights)
    return certificate, weights


def tamper(path: Path, change: Callable[[Arrays, Cases], object]) -> None:
    """Change a certificate and recompute its hash."""
    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["certificate"])
        arrays = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
    change(arrays, header["cases"])
    header["content_sha256"] = content_digest(arrays)
    save_file(arrays, path, metadata={"certificate": json.dumps(header)})
