"""Stage ``certify``: what is proved, what is counted, and formulas on which axioms fail."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mechval import tables
from mechval.axioms import CELLS, EvidenceKind, Statement, load_disagreements
from mechval.errors import MechvalError
from mechval.pipeline.stage import StageArtifacts
from mechval.two_sat.certify import ledger
from mechval.two_sat.certify.counting import chunks, enumeration, programs
from mechval.two_sat.certify.counting import tables as counted
from mechval.two_sat.certify.drift.answer import DRIFT, drift_rows
from mechval.two_sat.certify.parsing import certificate as certificates
from mechval.two_sat.certify.parsing.checker import check_parsing
from mechval.two_sat.certify.parsing.prover import certify_parsing
from mechval.two_sat.certify.theorem import mechanism, routes
from mechval.two_sat.certify.theorem import theorem as theorems
from mechval.two_sat.certify.theorem.checker import check_theorem
from mechval.two_sat.certify.theorem.lemmas import write_theorem
from mechval.two_sat.certify.theorem.listing import (
    LISTING,
    Listing,
    ListingRefusedError,
    load_listing,
    save_listing,
    seconds_each,
)
from mechval.two_sat.certify.theorem.prover import estimate_seconds, prove_theorem
from mechval.two_sat.circuit.files import load_circuit
from mechval.two_sat.formulas.truth_tables import reachable_tables
from mechval.two_sat.interpretation import OUTPUT
from mechval.two_sat.single import counterexamples
from mechval.two_sat.single.subject import Subject, make_subject
from mechval.two_sat.stages.train import (
    Context,
    load_stage_network,
    load_stage_split,
    stage_weights,
)

_ALWAYS, _THREADS = "always", os.cpu_count() or 1
CERTIFICATE, COUNTEREXAMPLES = "parsing.safetensors", counterexamples.COUNTEREXAMPLES
READS = ("data", "consolidate|train", "circuit", "axioms")
SETTINGS = ("problem", "architecture", "axioms", "certify")
TABLES: tuple[tables.Declared, ...] = (
    certificates.PARSING,
    DRIFT,
    *counted.TABLES,
    *programs.TABLES,
    *theorems.TABLES,
    *routes.TABLES,
    *mechanism.TABLES,
    ledger.LEDGER,
    ledger.METRICS,
    counterexamples.CASES,
)


def run(context: Context) -> None:
    """Prove, count and search; write certificates, tables, the ledger and the headlines."""
    subject = _load_subject(context)
    model, problem, circuit = subject.components.model, subject.problem, subject.circuit
    parsing = context.settings.certify.parsing
    proof = certify_parsing(model, problem, parsing, circuit.prototypes)
    certificates.save_certificate(proof, context.directory / CERTIFICATE)
    check_parsing(context.directory / CERTIFICATE, stage_weights(context))
    audit = load_disagreements(context.upstream["axioms"].directory)
    test = load_stage_split(context, "analysis.test")
    findings = counterexamples.find_cases(
        subject, audit, test, context.settings.certify.counterexamples
    )
    theorem, listed = _prove(context, subject)
    counts = [listed, *_count(context, subject)]
    _finish(context, subject, proof, theorem, counts, findings)


def estimate(context: Context) -> float:
    """Seconds that the proof, counting and listing would take on this machine, roughly."""
    problem, wanted = context.settings.problem, context.settings.certify.enumerate
    cases, seconds = chunks.n_multisets(problem), estimate_seconds(problem)
    if wanted == _ALWAYS or (wanted and cases <= chunks.MAX_MULTISETS):
        each = chunks.SECONDS_PER_MULTISET + seconds_each(problem.n_assignments)
        seconds += cases * each / _THREADS
    return seconds


def reverify(context: Context, artifacts: StageArtifacts) -> None:
    """Check certificate and theorem, count some chunks again, replay the counterexamples."""
    subject, finished = _load_subject(context), artifacts.directory
    proof = certificates.load_certificate(finished / CERTIFICATE)
    check_parsing(finished / CERTIFICATE, stage_weights(context))
    cases = counterexamples.load_cases(finished / COUNTEREXAMPLES)
    findings = [case.finding for case, _ in cases]
    theorem, listed = _prove(context, subject, finished)
    counts = [listed, *_count(context, subject, finished)]
    _finish(context, subject, proof, theorem, counts, findings)


def _finish(
    context: Context,
    subject: Subject,
    proof: certificates.ParsingCertificate,
    theorem: theorems.Theorem,
    counts: list[Statement],
    findings: Sequence[counterexamples.Finding],
) -> None:
    directory = context.directory
    certificates.PARSING.write(proof.rows(), directory)
    ledger.refuse_disagreement(theorem, CELLS.read(context.upstream["axioms"].directory))
    cases = counterexamples.write_cases(
        subject, findings, directory / counterexamples.COUNTEREXAMPLES
    )
    if counted.ANSWERS.path(directory).exists():
        ledger.refuse_contradiction(theorem, counted.ANSWERS.read(directory))
    # The bound of the drift is one of formulas one by one, vacuous beside a proof about all.
    is_proved = theorem.status is theorems.LemmaStatus.PROVED
    statements = [
        ledger.parsing_statement(proof),
        *ledger.theorem_statements(theorem, subject.problem),
        *([] if is_proved else _bound_drift(context, subject)),
        *counts,
        *_compare_programs(subject, directory),
    ]
    ledger.LEDGER.write(statements, directory)
    kinds = [statement.kind for statement in statements]
    metrics = ledger.Metrics(
        statements={kind.value: kinds.count(kind) for kind in EvidenceKind},
        parsing={status.value: proof.count(status) for status in certificates.CaseStatus},
        counterexamples=len(cases),
    )
    ledger.METRICS.write(metrics, directory)


def _prove(
    context: Context, subject: Subject, finished: Path | None = None
) -> tuple[theorems.Theorem, Statement]:
    """What holds on all formulas, proved or as a finished run has it, and checked."""
    file = theorems.THEOREM.name
    circuit, model = context.upstream["circuit"].directory, subject.components.model
    try:
        listing, stopped = _list(context, subject, finished), ""
        compared = routes.compare_routes(model, listing)
        save_listing(listing, context.directory)
        routes.LISTED.write(compared.rows, context.directory)
    except ListingRefusedError as refusal:
        listing, compared, stopped = None, None, str(refusal)
    if finished is not None and (finished / file).exists():
        theorem = theorems.THEOREM.read(finished)
    else:
        network = model, subject.problem, subject.circuit
        theorem = prove_theorem(*network, theorems.circuit_digest(circuit), listing)
    write_theorem(theorem, context.directory)
    n_heads = model.block(1).attn.n_heads
    lengths = routes.proof_lengths(theorem, subject.problem, n_heads, compared)
    routes.LENGTHS.write(lengths, context.directory)
    if theorem.answers is theorems.LemmaStatus.PROVED:
        test = load_stage_split(context, "analysis.test")
        mechanism.write_mechanism(model, subject.problem, test, context.directory)
    check_theorem(context.directory / file, stage_weights(context), circuit)
    rows = None if compared is None else compared.rows
    return theorem, ledger.listing_statement(rows, stopped, subject.problem)


def _list(context: Context, subject: Subject, finished: Path | None) -> Listing:
    """Every multiset, listed or as a finished run has it; or why it is not done."""
    if not context.settings.certify.enumerate:
        raise ListingRefusedError("certify.enumerate=false")
    if finished is not None and (finished / LISTING).exists():
        return load_listing(finished, subject.problem)
    network = subject.components.model, subject.problem
    return routes.list_neurons(*network, **_how(context))


def _count(context: Context, subject: Subject, finished: Path | None = None) -> list[Statement]:
    """Count the network after γ_1 on all formulas, or say what stops it.

    Of finished counts a part is counted again, and all of them are added up.
    """
    network = subject.components.model, subject.problem, subject.circuit
    device, directory = torch.device(context.device), context.directory
    try:
        if not context.settings.certify.enumerate:
            raise MechvalError("certify.enumerate=false")
        if finished is not None and counted.CHUNKS.path(finished).exists():
            enumerator = enumeration.make_enumerator(*network, device=device)
            chunks = counted.recounted_chunks(enumerator, counted.CHUNKS.read(finished))
            answers = counted.added_up(counted.ANSWERS.read(finished), chunks)
            bits = counted.BITS.read(finished)
        else:
            found = enumeration.enumerate_multisets(*network, **_how(context), device=device)
            chunks = list(map(counted.chunk_row, found.chunks))
            answers, bits = counted.answer_rows(found), counted.bit_rows(found)
    except MechvalError as refusal:
        reason, file = str(refusal), counted.ANSWERS.name
        text, problem = ledger.WRONG_NETWORK, subject.problem
        return [ledger.not_counted(text, reason, problem, component=OUTPUT, file=file)]
    counted.CHUNKS.write(chunks, directory)
    counted.ANSWERS.write(answers, directory)
    counted.BITS.write(bits, directory)
    return ledger.enumeration_statements(answers, bits, subject.problem)


def _how(context: Context) -> dict[str, Any]:
    """How multisets are gone through."""
    at_any_size = context.settings.certify.enumerate == _ALWAYS
    return {"scratch": context.scratch, "n_threads": _THREADS, "at_any_size": at_any_size}


def _bound_drift(context: Context, subject: Subject) -> list[Statement]:
    """How many held-out formulas provably keep their label when the prefix is replaced."""
    circuit = subject.circuit
    test = load_stage_split(context, "analysis.test")
    rows = drift_rows(
        subject.components.model.cpu(),
        subject.problem,
        circuit.prototypes,
        circuit.mean_resid_post,
        test.first(context.settings.certify.drift_formulas).clause_ids.astype(np.int64),
    )
    DRIFT.write(rows, context.directory)
    return ledger.drift_statements(rows)


def _compare_programs(subject: Subject, directory: Path) -> list[Statement]:
    """Exact errors and distances of the programs, or what stops their counting."""
    problem = subject.problem
    compared = {
        f"{version}/{name}": program
        for name, reading in subject.circuit.readings.items()
        for version, program in reading.programs.items()
    }
    try:
        reachable = reachable_tables(problem)
    except MechvalError as refusal:
        text, reason = ledger.WRONG_PROGRAM, str(refusal)
        return [ledger.not_counted(text, reason, problem, file="programs.csv")]
    errors = programs.program_errors(compared, reachable)
    distances = programs.program_distances(compared, reachable)
    programs.PROGRAM_ERRORS.write(errors, directory)
    programs.PROGRAM_DISTANCES.write(distances, directory)
    return ledger.program_statements(errors, distances, problem)


def _load_subject(context: Context) -> Subject:
    settings = context.settings
    circuit = load_circuit(context.upstream["circuit"].directory, settings.problem)
    asked = settings.axioms
    return make_subject(load_stage_network(context), circuit, asked.versions, asked.residuals)
