"""Parsing of the published network, for every formula there is."""

from pathlib import Path

import pytest

from mechval.transformer import save_weights
from mechval.two_sat.certify.parsing.certificate import (
    CaseStatus,
    ParsingCertificate,
    load_certificate,
    save_certificate,
)
from mechval.two_sat.certify.parsing.checker import check_parsing
from mechval.two_sat.certify.parsing.prover import certify_parsing
from tests.networks import PUBLISHED_PROBLEM, published_network
from tests.settings import TWO_SAT


@pytest.fixture(scope="module")
def certificate(published_checkpoint: Path) -> ParsingCertificate:
    model = published_network(published_checkpoint)
    return certify_parsing(model, PUBLISHED_PROBLEM, TWO_SAT.certify.parsing)


def test_all_400_cases_are_certified(certificate: ParsingCertificate) -> None:
    assert certificate.count(CaseStatus.CERTIFIED) == 400


def test_margin_and_attention_are_those_of_an_independent_prototype(
    certificate: ParsingCertificate,
) -> None:
    # Code of another origin gave: smallest margin 1.4, least attention on its two literals 0.906.
    assert min(case.margin for case in certificate.cases) == pytest.approx(1.4, abs=0.05)
    least = min(case.own_clause_attention for case in certificate.cases)
    assert least == pytest.approx(0.906, abs=5e-4)


def test_the_numerical_error_is_far_below_every_margin(certificate: ParsingCertificate) -> None:
    assert max(case.numerical_error for case in certificate.cases) < 1e-6


def test_the_checker_confirms_it_from_the_weights(
    certificate: ParsingCertificate, published_checkpoint: Path, tmp_path: Path
) -> None:
    save_certificate(certificate, tmp_path / "parsing.safetensors")
    save_weights(published_network(published_checkpoint), tmp_path / "weights.safetensors")
    checked = check_parsing(tmp_path / "parsing.safetensors", tmp_path / "weights.safetensors")
    assert checked.n_certified == 400


def test_a_certificate_survives_the_file(certificate: ParsingCertificate, tmp_path: Path) -> None:
    path = tmp_path / "parsing.safetensors"
    save_certificate(certificate, path)
    assert load_certificate(path).rows() == certificate.rows()
    assert path.stat().st_size < 3_000_000
