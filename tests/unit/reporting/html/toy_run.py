"""A run's folder made by hand, with manifests, and what a toy study says about itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Drawing

from mechval import tables
from mechval.axioms import CELLS, Axiom, Cell, Estimate, Verdict, simultaneous_confidence
from mechval.config import Config
from mechval.pipeline.manifest import StageKey, make_manifest, manifest_text
from mechval.pipeline.places import Workspace
from mechval.pipeline.run import FinishedRun
from mechval.pipeline.stage import PageConfig
from mechval.reporting.html.answers import Answer
from mechval.reporting.html.page import Component, PageContent, PageRun
from mechval.reporting.report import Chart, Figure, RunFiles, Section
from mechval.reporting.shown import show

COMPONENTS = ("first", "second")
N = 1000
DOTS = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h5v5"/></svg>'
STAGES = ("data", "train", "circuit", "axioms", "report")
_TOGETHER = simultaneous_confidence(0.95, len(Axiom) * len(COMPONENTS))


@dataclass(frozen=True)
class Neuron:
    neuron: int
    task: str


NEURONS = tables.Table("circuit/neurons.csv", Neuron)


class ToySettings(Config):
    size: int = 3
    page: PageConfig = PageConfig()


def cell(axiom: Axiom, component: str, disagreements: int, n: int = N, **changes: Any) -> Cell:
    compares_answers = axiom.is_replaceability or component == COMPONENTS[-1]
    made = Cell(
        **vars(Estimate.of(disagreements, n, 0.95)),
        interpretation="main",
        tags={"version": "main"},
        axiom=axiom,
        component=component,
        repeats=None,
        constant_rate=None,
        confidence=0.95,
        epsilon_simultaneous=Estimate.of(disagreements, n, _TOGETHER).epsilon,
        mean_distance=0.0,
        mean_part_error=0.0,
        equivalence="exact",
        verdict=Verdict.BETTER if compares_answers else Verdict.NOT_JUDGED,
        strata={"odd": Estimate.of(min(disagreements, n, 400), min(n, 400), 0.95)},
        mixtures={},
    )
    return replace(made, **changes)


def cells(counts: Mapping[tuple[Axiom, str], int]) -> list[Cell]:
    """All cells; those not named have no disagreement."""
    keys = [(axiom, component) for axiom in Axiom for component in COMPONENTS]
    return [cell(*key, counts.get(key, 0)) for key in keys]


def seal(directory: Path) -> None:
    """Write the manifest of whatever lies in a stage's folder."""
    directory.mkdir(parents=True, exist_ok=True)
    key = StageKey(config={}, seed=0, code="c0de", inputs={})
    manifest = make_manifest(directory.name, key, directory, directory / "absent")
    (directory / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")


def write_run(
    root: Path, name: str, rows: Sequence[Cell], stages: Sequence[str] = STAGES, task: str = "a"
) -> Path:
    """A run of the toy study with these axiom cells; its folder."""
    run = root / "results" / "toy" / name
    for stage in stages:
        (run / stage).mkdir(parents=True, exist_ok=True)
    if "axioms" in stages:
        CELLS.write(rows, run / "axioms")
    if "circuit" in stages:
        NEURONS.write([Neuron(7, task)], run / "circuit")
    if "report" in stages:
        (run / "report" / "figures").mkdir(exist_ok=True)
        (run / "report" / "figures" / "dots.svg").write_text(DOTS, encoding="utf-8")
    config = {"study": "toy", "seed": 3, "settings": {"size": 3}, "words": ["study=toy", "seed=3"]}
    (run / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for stage in stages:
        seal(run / stage)
    return run


def toy_run(folder: Path, **changes: Any) -> PageRun:
    """The run in a folder that :func:`write_run` made, read anew."""
    finished = FinishedRun(Workspace(folder.parents[2]), "toy", folder.name)
    return PageRun(content(**changes), finished, ToySettings(), STAGES)


def axioms(files: RunFiles) -> Section:
    found = files.rows(CELLS)
    parts = {
        "heat_map": Chart("axioms", "ε of every cell", {"main": found}),
        "table": show(found, "component", ("axiom", lambda row: str(row.axiom)), "disagreements"),
    }
    return Section("Axioms", "axioms.md", parts, (CELLS.file,))


def circuit(files: RunFiles) -> Section:
    figures = (Figure("dots", Drawing, "Look at the dots."),)
    table = show(files.rows(NEURONS), "neuron", "task")
    return Section("Circuit evidence", "circuit.md", {"table": table}, figures=figures)


def nothing(files: RunFiles) -> None:
    """A section that this run has nothing to say in."""


def neurons(files: RunFiles) -> Answer:
    rows = files.rows(NEURONS)
    listed = ", ".join(f"{row.neuron} does {row.task}" for row in rows)
    return Answer(listed, (f"Exact, N = {len(rows)}.",), show(rows, "neuron", "task"))


def content(**changes: Any) -> PageContent:
    values: dict[str, Any] = {
        "study": "toy",
        "title": "A toy",
        "claim": lambda files: (f"It reads {files.settings.size}.", "It thinks.", "It answers."),
        "components": (
            Component("first", "block 0", "reads", "stream", "list"),
            Component("second", "block 1", "answers", "answer", "answer"),
        ),
        "input_state": "tokens",
        "accuracy": lambda files: (len(files.rows(NEURONS)), 10),
        "neurons_question": "Which neuron does what?",
        "neurons": neurons,
        "cells": lambda files: files.rows(CELLS),
        "makers": (axioms, circuit, nothing),
        "package": __package__,
    }
    return PageContent(**{**values, **changes})


def alter(path: Path) -> None:
    """Change a file behind its manifest's back."""
    path.write_bytes(path.read_bytes() + b"\n")
