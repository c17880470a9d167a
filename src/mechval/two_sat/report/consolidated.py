"""What is proved, for anyone to read, and what consolidation changed: networks side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from mechval.axioms.report import CELLS
from mechval.pipeline.run import FinishedRun, run_names
from mechval.reporting.report import RunFiles, paragraphs
from mechval.reporting.shown import by, counted, markdown_of, show, told
from mechval.transformer.weights import WEIGHTS
from mechval.two_sat.certify.theorem.theorem import THEOREM, Theorem
from mechval.two_sat.circuit.evidence import gather
from mechval.two_sat.circuit.evidence.attention_extremes import WORST_CASES
from mechval.two_sat.circuit.evidence.contributions import PREACTIVATION_PARTS
from mechval.two_sat.circuit.evidence.recording import FORMULA_ATTENTION
from mechval.two_sat.report import measured
from mechval.two_sat.report.content import PACKAGE


@dataclass(frozen=True)
class Mechanism:
    """How a network decides, in a few numbers.

    Attributes:
        own_clause: least attention of a clause's end to its own clause in block 0, any formula.
        constants: attention of ``:`` to parentheses and itself in block 0, on the first formula.
        ratios: per head of block 1, attention to its heaviest clause over the lightest, there.
        neuron: the one of largest effect.
        tells: per head, what it adds where that neuron is active less what where it is not.
    """

    own_clause: float
    constants: float
    ratios: tuple[float, ...]
    neuron: int
    tells: tuple[float, ...]

    @property
    def spread(self) -> tuple[str, str]:
        """Least and largest ratio."""
        return _ratio(min(self.ratios)), _ratio(max(self.ratios))

    @property
    def n_against(self) -> int:
        """Heads that pull the other way."""
        return sum(each <= 0 for each in self.tells)

    @staticmethod
    def of(files: RunFiles) -> "Mechanism":
        """Read off a run's circuit evidence."""
        rows = files.rows(FORMULA_ATTENTION)
        answer = max(row.position for row in rows)
        below, above = (
            [[weight or 0.0 for weight in row.attention.values()] for row in own]
            for own in by((row for row in rows if row.position == answer), "block").values()
        )
        clauses = [weights[2:answer:4] for weights in above]
        constants = [sum(weights[0:answer:4] + weights[3::4]) + weights[-1] for weights in below]
        worst = by(files.rows(WORST_CASES), "choice", "target")["admissible", "own_clause"]
        parts = {(row.part, row.is_active): row.mean for row in files.rows(PREACTIVATION_PARTS)}
        names = [f"head {head}, clauses" for head in range(len(above))]
        return Mechanism(
            min(row.weight for row in worst),
            min(constants),
            tuple(max(weights) / min(weights) for weights in clauses),
            files.record(gather.FACTS).shown_neuron,
            tuple(parts[name, True] - parts[name, False] for name in names),
        )


def told_theorem(theorem: Theorem, who: str, bold: str = "") -> str:
    """A theorem that is proved in two sentences, of which the first may be bold."""
    (told_once,) = paragraphs(PACKAGE, "theorem_told.md", theorem=theorem, who=who, bold=bold)
    return told_once


def side_by_side(runs: Mapping[str, RunFiles]) -> str:
    """The mechanism before and after in words, and a table with a column per run.

    ``runs`` are by title: last the network before and the one after, other networks first.
    """
    found = {title: Mechanism.of(files) for title, files in runs.items()}
    *_, before, after = found.items()
    words = paragraphs(PACKAGE, "consolidated.md", before=before, after=after)
    lines = {title: _lines(found[title], files) for title, files in runs.items()}
    columns = ((title, own.__getitem__) for title, own in lines.items())
    return "\n\n".join([*words, markdown_of(show(lines[before[0]], ("", str), *columns))])


def _ratio(value: float) -> str:
    """With digits that tell it from 1."""
    return told(value) if value > 2 else f"{value:.4f}"


def _lines(found: Mechanism, files: RunFiles) -> dict[str, object]:
    """A run's column of the table, by line."""
    tags, accuracy = {"version": "trees", **measured.MAIN}, measured.accuracy(files)
    sampled = [row.epsilon for row in files.rows(CELLS) if measured.has_tags(row, tags)]
    certified = [row.interpretation for row in measured.proofs(files)].count(
        "/".join(tags.values())
    )
    return {
        "block 0: least attention of a clause's end to its clause, any formula": found.own_clause,
        "block 0: attention of `:` to parentheses and itself, first test formula": found.constants,
        "block 1: heaviest over lightest clause, by head, the same formula": (
            ", ".join(map(_ratio, found.ratios))
        ),
        "block 1: what tells active from silent, by head, neuron of largest effect": (
            ", ".join(map(told, found.tells))
        ),
        "wrong answers on fresh formulas": counted(accuracy.wrong_count, accuracy.n),
        "largest sampled ε of a cell, trees": max(sampled),
        "cells that the theorem certifies, ε = 0": counted(certified, 12),
        "theorem": files.record(THEOREM).failing_lemma or "proved",
    }


def start_of(run: FinishedRun) -> FinishedRun | None:
    """The run whose network training went on from; None from scratch, or if it is not there.

    Raises MechvalError if the run lacks what tells that.
    """
    if run.manifest("consolidate").config["consolidate"]["start"] == "scratch":
        return None
    digest = run.manifest("train").config["checkpoint_sha256"]
    for name in run_names(run.workspace, run.study):
        other = FinishedRun(run.workspace, run.study, name)
        made = other.states(["train"])["train"].manifest
        if made is None or name == run.run:
            continue
        if digest in (made.tracked.get(WEIGHTS), made.config.get("checkpoint_sha256")):
            return other
    return None
