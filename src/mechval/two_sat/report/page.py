"""What the 2-SAT study says on its page beside the sections of its report."""

from functools import partial
from pathlib import Path

import numpy as np

from mechval import axioms
from mechval.pipeline import FinishedRun
from mechval.reporting.html.answers import Answer
from mechval.reporting.html.page import COMPONENTS, PageContent, PageRun, whole_files
from mechval.reporting.report import Figure, RunFiles, Section, caption_of, paragraphs
from mechval.reporting.shown import by, show
from mechval.two_sat.circuit.evidence.neuron_rows import NEURONS
from mechval.two_sat.formulas.text import random_formula
from mechval.two_sat.formulas.truth_tables import formula_truth
from mechval.two_sat.report import consolidated, content, measured, network_sections
from mechval.two_sat.report.figures.theorem import draw_before_and_after
from mechval.two_sat.single.counterexamples import COUNTEREXAMPLES, load_cases
from mechval.two_sat.single.mechanism import Recorded, draw_mechanism
from mechval.two_sat.single.subject import load_subject
from mechval.two_sat.stages.nulls import NULLS

_DRAWN = 6
"""Formulas, drawn as the corpora are, that a page has ready."""


def _nulls(files: RunFiles) -> dict[str, list[axioms.Cell]]:
    return by(files.rows(NULLS) if "nulls" in files.directories else (), "network")


def _neurons(files: RunFiles) -> Answer:
    """Which evaluating neurons stand for which assignments, from the circuit's table."""
    reading = next(iter(files.settings.circuit.readings))
    n_assignments = files.settings.problem.n_assignments
    rows = [row for row in files.rows(NEURONS) if row.reading[reading].evaluates]
    sets = [row.reading[reading].assignments for row in rows]
    n_covered = len({assignment for own in sets for assignment in own})
    verdict, *told = paragraphs(
        content.PACKAGE,
        "neurons.md",
        sets=sets,
        covered=n_covered,
        assignments=n_assignments,
        theorem=measured.proved_theorem(files),
        n=network_sections.split_size(files, "analysis.fit"),
    )
    details = show(
        rows,
        "neuron",
        ("fires for", f"reading.{reading}.disjunction"),
        ("as a tree", f"reading.{reading}.tree"),
        ("share of the effect", "effect_share"),
        ("fires on", f"reading.{reading}.on_rate"),
    )
    tone = "good" if n_covered == n_assignments else "mixed" if rows else "bad"
    return Answer(verdict, tuple(told), details, tone)


def _mechanism(run: FinishedRun) -> str:
    """Drawn formulas, the most constrained satisfiable ones first, then the counterexamples."""
    subject = load_subject(run)
    problem = subject.problem
    drawn = [random_formula(problem, seed).clause_ids for seed in range(_DRAWN)]
    models = formula_truth(problem, np.array(drawn)).sum(axis=1).tolist()
    named = [
        Recorded(f"{n} of {problem.n_assignments} assignments satisfy (seed {seed})", drawn[seed])
        for n, seed in sorted(zip(models, range(_DRAWN), strict=True), key=lambda e: (not e[0], e))
    ]
    cases = (
        Recorded(f"counterexample: {case.file.removesuffix('.cnf')}", case.clause_ids)
        for case, _ in load_cases(run.directory / "certify" / COUNTEREXAMPLES)
    )
    return draw_mechanism(subject, [*named, *cases])


def _claim(files: RunFiles) -> tuple[str, ...]:
    """What is claimed, and that it is proved, where it is."""
    claim = paragraphs(content.PACKAGE, "claim.md", problem=files.settings.problem)
    theorem = measured.proved_theorem(files)
    proved = [consolidated.told_theorem(theorem, "Proved: this network")] if theorem else []
    return (*claim, *proved)


def _beside(run: PageRun) -> Section | None:
    """What training towards the interpretation changed in a network that is known here."""
    if run.files.settings.consolidate is None or (start := consolidated.start_of(run.run)) is None:
        return None
    stages = (path.name for path in start.directory.iterdir() if path.is_dir())
    before = whole_files(start, None, start.states(stages).values())
    told = consolidated.side_by_side({f"`{start.run}`": before, f"`{run.run.run}`": run.files})
    networks = {f"{start.run}: before": before, f"{run.run.run}: after": run.files}
    draw = partial(draw_before_and_after, networks)
    figure = Figure("before-and-after", draw, caption_of(draw_before_and_after))
    return Section("Before and after", "before_and_after.md", {"told": told}, figures=(figure,))


PAGE = PageContent(
    study="two_sat",
    title="How a transformer decides 2-SAT",
    claim=_claim,
    components=COMPONENTS.read(Path(__file__).parent),
    input_state="formula, as tokens",
    accuracy=lambda files: (measured.accuracy(files).wrong_count, measured.accuracy(files).n),
    neurons_question="Which neurons evaluate which assignments?",
    neurons=_neurons,
    cells=lambda files: files.rows(axioms.CELLS),
    nulls=_nulls,
    proved=measured.proved_cells,
    drawing=_mechanism,
    beside=_beside,
    makers=content.MAKERS,
    package=content.PACKAGE,
)
