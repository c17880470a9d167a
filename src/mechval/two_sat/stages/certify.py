"""Stage ``certify``: what is proved, what is counted, and formulas on which axioms fail."""

from collections.abc import Sequence

import torch

from mechval.axioms import load_disagreements
from mechval.pipeline.stage import StageArtifacts, StageContext
from mechval.reporting.ledger import kind_counts, write_ledger
from mechval.reporting.records import read_records
from mechval.reporting.tables import write_json
from mechval.two_sat.circuit_files import load_circuit
from mechval.two_sat.counterexamples.cases import Subject, make_subject
from mechval.two_sat.counterexamples.files import (
    COUNTEREXAMPLES,
    Finding,
    find_cases,
    load_cases,
    write_cases,
)
from mechval.two_sat.dataset import load_split
from mechval.two_sat.ledger import sampled_statements
from mechval.two_sat.report_records import CellRow
from mechval.two_sat.settings import TwoSatSettings
from mechval.two_sat.stages.train import load_stage_network

Context = StageContext[TwoSatSettings]


def run(context: Context) -> None:
    """Search counterexamples; write them, the ledger and the headline numbers."""
    subject = _load_subject(context)
    folder = context.upstream["axioms"].directory / "disagreements"
    audits = {
        name: load_disagreements(folder / f"{name.replace('/', '-')}.safetensors")
        for name in subject.interpretations
    }
    test = load_split(context.upstream["data"].bulk, subject.problem, "analysis.test")
    findings = find_cases(subject, audits, test, context.settings.certify.counterexamples)
    _write(context, subject, findings)


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Replay the counterexamples that were found and write the tables again."""
    cases = load_cases(artifacts.directory / COUNTEREXAMPLES)
    _write(context, _load_subject(context), [case.finding for case, _ in cases])


def _write(context: Context, subject: Subject, findings: Sequence[Finding]) -> None:
    directory = context.directory
    cells = read_records(context.upstream["axioms"].directory / "axioms.csv", CellRow)
    cases = write_cases(subject, findings, directory / COUNTEREXAMPLES)
    statements = sampled_statements(cells, context.settings.axioms.confidence)
    write_ledger(statements, directory)
    write_json(
        {"statements": kind_counts(statements), "counterexamples": len(cases)},
        directory / "metrics.json",
    )


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
