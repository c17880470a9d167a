"""Stage ``certify``: what is proved, what is counted, and formulas on which axioms fail."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mechval.axioms import load_disagreements
from mechval.axioms.evidence import Statement
from mechval.errors import MechvalError
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.ledger import kind_counts, write_ledger
from mechval.reporting.records import read_records
from mechval.reporting.tables import Row, read_csv, write_csv, write_json
from mechval.two_sat.certify import ledger
from mechval.two_sat.certify.counting import enumeration_rows
from mechval.two_sat.certify.counting.enumeration import enumerate_multisets, make_enumerator
from mechval.two_sat.certify.counting.exact_programs import (
    exact_distance_rows,
    exact_program_rows,
    reachable_tables,
)
from mechval.two_sat.certify.counting.verifying import added_up, recounted_chunks
from mechval.two_sat.certify.drift.drift import drift_rows
from mechval.two_sat.certify.parsing.certificate import (
    CaseStatus,
    ParsingCertificate,
    load_certificate,
    save_certificate,
)
from mechval.two_sat.certify.parsing.certifying import certify_parsing
from mechval.two_sat.certify.parsing.checker import check_parsing
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.configs import TwoSatSettings
from mechval.two_sat.formulas.dataset import load_split
from mechval.two_sat.programs.evaluate import EvaluateProgram
from mechval.two_sat.report.report_records import CellRow
from mechval.two_sat.single.cases import Subject, make_subject
from mechval.two_sat.single.files import (
    COUNTEREXAMPLES,
    Finding,
    find_cases,
    load_cases,
    write_cases,
)
from mechval.two_sat.stages.train import load_stage_network, stage_weights

CERTIFICATE, PARSING = "parsing.safetensors", "parsing.csv"
DRIFT = "drift.csv"
ANSWERS, BITS, CHUNKS = "enumeration.csv", "enumeration_bits.csv", "enumeration_chunks.csv"

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Prove, count and search; write certificates, tables, the ledger and the headlines."""
    subject, directory = _load_subject(context), context.directory
    certificate = certify_parsing(
        subject.components.model,
        subject.problem,
        context.settings.certify.parsing,
        subject.circuit.prototypes,
    )
    save_certificate(certificate, directory / CERTIFICATE)
    _check(certificate, directory / CERTIFICATE, context)
    _finish(
        context,
        subject,
        certificate,
        counted=_enumerate(context, subject),
        findings=_search(context, subject),
    )


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Check the certificate, count some chunks again, replay the counterexamples."""
    subject, finished = _load_subject(context), artifacts.directory
    certificate = load_certificate(finished / CERTIFICATE)
    _check(certificate, finished / CERTIFICATE, context)
    cases = load_cases(finished / COUNTEREXAMPLES)
    _finish(
        context,
        subject,
        certificate,
        counted=_recount(context, subject, finished),
        findings=[case.finding for case, _ in cases],
    )


def _finish(
    context: Context,
    subject: Subject,
    certificate: ParsingCertificate,
    counted: list[Statement],
    findings: Sequence[Finding],
) -> None:
    directory = context.directory
    cells = read_records(context.upstream["axioms"].directory / "axioms.csv", CellRow)
    cases = write_cases(subject, findings, directory / COUNTEREXAMPLES)
    statements = [
        *ledger.parsing_statements(certificate, PARSING),
        *_bound_drift(context, subject),
        *counted,
        *_compare_programs(subject, directory),
        *ledger.sampled_statements(cells, context.settings.axioms.confidence),
    ]
    write_ledger(statements, directory)
    metrics = {
        "statements": kind_counts(statements),
        "parsing": {status.value: certificate.count(status) for status in CaseStatus},
        "counterexamples": len(cases),
    }
    write_json(metrics, directory / "metrics.json")


def _check(certificate: ParsingCertificate, path: Path, context: Context) -> None:
    """Have the certificate confirmed by a program that did not make it; write its table."""
    check_parsing(path, stage_weights(context))
    write_csv(certificate.rows(), context.directory / PARSING)


def _enumerate(context: Context, subject: Subject) -> list[Statement]:
    """Count the network after γ_1 on all formulas, or say what stops it."""
    if not context.settings.certify.enumerate:
        return [_not_counted(subject, "certify.enumerate=false")]
    try:
        found = enumerate_multisets(
            subject.components.model,
            subject.problem,
            subject.circuit,
            scratch=context.scratch,
            n_threads=os.cpu_count() or 1,
            device=torch.device(context.device),
        )
    except MechvalError as refusal:
        return [_not_counted(subject, str(refusal))]
    answers, bits = enumeration_rows.answer_rows(found), enumeration_rows.bit_rows(found)
    tables = {
        ANSWERS: answers,
        BITS: bits,
        CHUNKS: enumeration_rows.chunk_rows(found),
        "enumeration_failures.csv": enumeration_rows.failure_rows(found),
        "enumeration_smallest.csv": enumeration_rows.smallest_failure_rows(found),
    }
    for name, rows in tables.items():
        if rows:
            write_csv(rows, context.directory / name)
    return ledger.enumeration_statements(answers, bits, subject.problem)


def _recount(context: Context, subject: Subject, finished: Path) -> list[Statement]:
    """Count a part of the chunks again and add all of them up."""
    if not (finished / CHUNKS).exists():
        return _enumerate(context, subject)
    enumerator = make_enumerator(
        subject.components.model,
        subject.problem,
        subject.circuit,
        bits=True,
        device=torch.device(context.device),
    )
    chunks = recounted_chunks(enumerator, read_csv(finished / CHUNKS))
    answers = added_up(read_csv(finished / ANSWERS), chunks)
    write_csv(chunks, context.directory / CHUNKS)
    write_csv(answers, context.directory / ANSWERS)
    return ledger.enumeration_statements(answers, read_csv(finished / BITS), subject.problem)


def _not_counted(subject: Subject, reason: str) -> Statement:
    text = "the network after γ_1 answers wrongly"
    return ledger.unknown_statement(text, reason, subject.problem, "output", ANSWERS)


def _bound_drift(context: Context, subject: Subject) -> list[Statement]:
    """How many held-out formulas provably keep their label when the prefix is replaced."""
    circuit = subject.circuit
    test = load_split(context.upstream["data"].bulk, subject.problem, "analysis.test")
    rows = drift_rows(
        subject.components.model.cpu(),
        subject.problem,
        circuit.prototypes,
        circuit.mean_resid_post,
        test.first(context.settings.certify.drift_formulas).clause_ids.astype(np.int64),
    )
    write_csv(rows, context.directory / DRIFT)
    return ledger.drift_statements(rows, DRIFT)


def _compare_programs(subject: Subject, directory: Path) -> list[Statement]:
    """Exact errors and distances of the programs, or what stops their counting."""
    problem, file = subject.problem, "programs.csv"
    programs: dict[str, EvaluateProgram] = {
        f"{version}/{name}": program
        for name, reading in subject.circuit.readings.items()
        for version, program in (
            ("trees", reading.trees.program),
            ("disjunction", reading.disjunctions),
        )
    }
    try:
        tables = reachable_tables(problem)
    except MechvalError as refusal:
        text = "the program answers wrongly"
        return [ledger.unknown_statement(text, str(refusal), problem, None, file)]
    errors: list[Row] = [*exact_program_rows(programs, tables)]
    distances: list[Row] = [*exact_distance_rows(programs, tables)]
    write_csv(errors, directory / file)
    write_csv(distances, directory / "program_distances.csv")
    return ledger.program_statements(errors, distances, problem)


def _search(context: Context, subject: Subject) -> list[Finding]:
    folder = context.upstream["axioms"].directory / "disagreements"
    audits = {
        name: load_disagreements(folder / f"{name.replace('/', '-')}.safetensors")
        for name in subject.interpretations
    }
    test = load_split(context.upstream["data"].bulk, subject.problem, "analysis.test")
    return find_cases(subject, audits, test, context.settings.certify.counterexamples)


def _load_subject(context: Context) -> Subject:
    settings = context.settings
    return make_subject(
        load_stage_network(context),
        settings.problem,
        load_circuit(context.upstream["circuit"].directory, settings.problem),
        versions=settings.axioms.versions,
        residuals=settings.axioms.residuals,
        device=torch.device(context.device),
    )
