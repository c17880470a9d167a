"""A program of evaluate that is entered in `CLAIMED`, and nowhere else, goes all the way."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mechval.axioms import CELLS
from mechval.axioms.program_size import choice_bits
from mechval.config import parse_config
from mechval.errors import MechvalError
from mechval.pipeline import FinishedRun, RunOptions, Workspace, run_stages
from mechval.two_sat.certify.counting.tables import BITS
from mechval.two_sat.claim.sizes import FRONT, SIZES
from mechval.two_sat.claim.surface import SURFACE
from mechval.two_sat.claim.variants.tolerance import TOLERANCE
from mechval.two_sat.claim.variants.variant import VARIANTS
from mechval.two_sat.configs import AxiomsConfig
from mechval.two_sat.formulas.text import read_formula
from mechval.two_sat.problem import Problem
from mechval.two_sat.programs.evaluate import Claimed, CodedProgram, Fitting
from mechval.two_sat.programs.lengths import Kind, size_bits
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.single.explain import explain_formula
from mechval.two_sat.single.subject import load_subject
from mechval.two_sat.study import STUDY
from tests.networks import SMALL_PROBLEM
from tests.settings import TWO_SAT, changed
from tests.unit.two_sat.stages.test_stages import settings


@dataclass(frozen=True)
class Strongest:
    """Each neuron's bit is whether the one assignment satisfies that activates it most."""

    version: ClassVar[str] = "strongest"
    words: ClassVar[str] = "the strongest assignment alone"
    kept_as: ClassVar[str] = "strongest assignments"
    kind: ClassVar[int] = 8
    assignment: Int[Tensor, " neuron"]

    def bits(self, truth_tables: Bool[Tensor, "batch assignment"]) -> Bool[Tensor, "batch neuron"]:
        return truth_tables[:, self.assignment]

    @property
    def program(self) -> "Strongest":
        return self

    @classmethod
    def fit(cls, to: Fitting) -> "Strongest":
        return cls(to.mean_activation.argmax(dim=1))

    def formula_bits(self, problem: Problem) -> list[int]:
        return [choice_bits(problem.n_assignments)] * len(self.assignment)

    def to_json(self) -> Sequence[Any]:
        return self.assignment.tolist()

    @classmethod
    def from_json(cls, values: Sequence[Any], n_assignments: int) -> "Strongest":
        return cls(torch.tensor(values).clamp(0, n_assignments - 1))


NAME = Strongest.version
VERSIONS = ("trees", "disjunction", NAME)


@pytest.fixture(scope="module")
def finished(tiny_run: Workspace, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The tiny run from its circuit on, with one program more."""
    workspace = Workspace(tmp_path_factory.mktemp("new-program") / "root")
    shutil.copytree(tiny_run.root, workspace.root)
    options = RunOptions("new", 0, source="tiny", force=("circuit",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mechval.reporting.report.save_figure", lambda *_: None)
        patch.setitem(CLAIMED, NAME, Strongest)
        wanted = settings(axioms=changed(TWO_SAT.axioms, versions=VERSIONS))
        run_stages(STUDY, wanted, ["all"], workspace, options)
    return FinishedRun(workspace, "two_sat", "new")


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLAIMED, NAME, Strongest)


def folder(run: FinishedRun, stage: str) -> Path:
    return run.directory / stage


def test_every_table_that_is_about_programs_has_it(finished: FinishedRun) -> None:
    axioms = folder(finished, "axioms")
    tagged: dict[str, list[str | None]] = {
        table.file: [row.tags["version"] for row in table.read(axioms)]
        for table in (CELLS, VARIANTS, TOLERANCE)
    }
    tagged[SURFACE.file] = [row.version for row in SURFACE.read(axioms)]
    tagged[BITS.file] = [row.version for row in BITS.read(folder(finished, "certify"))]
    for table, versions in tagged.items():
        assert versions.count(NAME) == versions.count("disjunction") > 0, table
    assert NAME in {row.program for row in FRONT.read(axioms)}
    assert Strongest.kept_as in {row.what for row in SIZES.read(axioms)}


def test_the_report_calls_it_by_its_words(finished: FinishedRun) -> None:
    page = (folder(finished, "report") / "README.md").read_text(encoding="utf-8")
    assert f"**Evaluate by {Strongest.words}**" in page


@pytest.mark.usefixtures("entered")
def test_a_formula_is_explained_by_it_too(finished: FinishedRun) -> None:
    subject = load_subject(finished)
    explained = explain_formula(subject, read_formula(SMALL_PROBLEM, "(x0 | x1)"))
    assert {*explained.neurons[0].expected} == {*VERSIONS}
    assert NAME in {cell.version for cell in explained.cells}


@pytest.mark.usefixtures("entered")
def test_no_two_kinds_of_programs_have_the_same_number(finished: FinishedRun) -> None:
    programs = load_subject(finished).circuit.readings["calibrated"].programs
    kinds = [*Kind, *(program.kind for program in programs.values())]
    assert len(set(kinds)) == len(kinds) == len(Kind) + len(VERSIONS)
    assert all(size_bits(program, SMALL_PROBLEM) > 0 for program in programs.values())


def asked(versions: list[str]) -> AxiomsConfig:
    return parse_config(AxiomsConfig, {**TWO_SAT.axioms.model_dump(), "versions": versions})


@pytest.mark.usefixtures("entered")
def test_the_settings_allow_it() -> None:
    assert asked([NAME]).versions == (NAME,)
    with pytest.raises(MechvalError, match=r"'oak'; allowed: trees, disjunction, strongest\."):
        asked(["oak"])


def test_the_settings_do_not_allow_what_is_not_entered() -> None:
    with pytest.raises(MechvalError, match=r"'strongest'; allowed: trees, disjunction\."):
        asked([NAME])


def lacking(program: type) -> set[str]:
    """What a class leaves out of what is asked of a program (a program may be another object)."""
    wanted = {*Claimed.__annotations__, *vars(Claimed), *CodedProgram.__annotations__, *("bits",)}
    return {name for name in wanted if not name.startswith("_") and not hasattr(program, name)}


def test_a_forgotten_part_of_a_program_is_found() -> None:
    assert lacking(Strongest) == set()
    for name in ("version", "words", "kept_as", "kind", "fit", "to_json", "from_json"):
        whole = {key: value for key, value in vars(Strongest).items() if key != name}
        whole = {key: value for key, value in whole.items() if not key.startswith("__")}
        assert lacking(type("Forgetful", (), whole)) == {name}
