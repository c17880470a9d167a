"""A run's folder made by hand, with manifests, and what a toy study says about itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mechval.axioms import clopper_pearson_upper, simultaneous_confidence
from mechval.pipeline.manifest import StageKey, make_manifest, manifest_text
from mechval.reporting.page import Answer, Component, FigureNote, PageContent, RunFolder
from mechval.reporting.tables import Row, write_csv

AXIOMS = {
    1: "prefix equivalence",
    2: "component equivalence",
    3: "prefix replaceability",
    4: "component replaceability",
}
COMPONENTS = ("first", "second")
N = 1000
_TOGETHER = simultaneous_confidence(0.95, len(AXIOMS) * len(COMPONENTS))
REPORT_STAGES = ("data", "train", "circuit", "axioms", "report")


def cell(axiom: int, component: str, disagreements: int, **changes: object) -> Row:
    compares_answers = axiom > 2 or component == COMPONENTS[-1]
    row = {
        "interpretation": "main",
        "confidence": 0.95,
        "axiom": axiom,
        "axiom_name": AXIOMS[axiom],
        "component": component,
        "is_distinct": True,
        "repeats": "",
        "n": N,
        "disagreements": disagreements,
        "epsilon": clopper_pearson_upper(disagreements, N, 0.95),
        "epsilon_simultaneous": clopper_pearson_upper(disagreements, N, _TOGETHER),
        "equivalence": "exact",
        "verdict": "better than constant" if compares_answers else "",
        "stratum.odd.n": 400,
        "stratum.odd.disagreements": min(disagreements, 400),
    }
    return {**row, **changes}  # pyright: ignore[reportReturnType]


def cells(counts: Mapping[tuple[int, str], int]) -> list[Row]:
    """All cells; those not named have no disagreement."""
    keys = [(axiom, component) for axiom in AXIOMS for component in COMPONENTS]
    return [cell(*key, counts.get(key, 0)) for key in keys]


def write_stage(run: Path, stage: str, tables: Mapping[str, Sequence[Row]]) -> None:
    """Write tables and a manifest that agrees with them."""
    directory = run / stage
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        write_csv(rows, directory / name)
    seal(directory)


def seal(directory: Path) -> None:
    """Write the manifest of whatever lies in a stage's folder."""
    key = StageKey(config={}, seed=0, code="c0de", inputs={})
    manifest = make_manifest(directory.name, key, directory, directory / "absent")
    (directory / "manifest.json").write_text(manifest_text(manifest), encoding="utf-8")


def write_run(run: Path, rows: Sequence[Row]) -> RunFolder:
    """A whole run with these axiom cells."""
    for stage in REPORT_STAGES:
        write_stage(run, stage, {"axioms.csv": rows} if stage == "axioms" else {})
    write_stage(run, "circuit", {"neurons.csv": [{"neuron": 7, "task": "a"}]})
    return RunFolder(run)


def neurons(folder: RunFolder) -> Answer:
    rows = folder.table("circuit/neurons.csv")
    listed = ", ".join(f"{row['neuron']} does {row['task']}" for row in rows)
    return Answer(listed, (f"Exact, N = {len(rows)}.",))


def content(**changes: object) -> PageContent:
    values: dict[str, object] = {
        "study": "toy",
        "title": "A toy",
        "claim": lambda folder: ("It reads.", "It thinks.", "It answers."),
        "components": (
            Component("first", "block 1", "reads", "stream", "list"),
            Component("second", "block 2", "answers", "answer", "answer"),
        ),
        "input_state": "tokens",
        "neurons_question": "Which neuron does what?",
        "neurons": neurons,
        "names": "There is one interpretation, main.",
        "figures": (FigureNote("report/figures/*", "circuit", "Look at the dots."),),
    }
    return PageContent(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def alter(path: Path) -> None:
    """Change a file behind its manifest's back."""
    path.write_bytes(path.read_bytes() + b"\n")
