"""docs/EXTENDING.md is true today, and nobody who follows it can leave one of its places out."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from mechval.modular_addition import study as modular_addition
from mechval.pipeline.study import Study, stages_of
from mechval.reporting.report import DECLARED, templates
from mechval.two_sat import study as two_sat
from mechval.two_sat.programs.versions import CLAIMED
from mechval.two_sat.report import content

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "src/mechval/two_sat/report"
GUIDE = (ROOT / "docs/EXTENDING.md").read_text(encoding="utf-8")
NAME = "<name>"


def steps(title: str) -> list[str]:
    """The points of a guide, up to what they say of the files that they name."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\d+\. (.*?): ", section, re.MULTILINE)


def places(title: str, points: int | None = None) -> list[str]:
    """The files that the first points of a guide name."""
    return re.findall(r"`([^`]+)`", " ".join(steps(title)[:points]))


def programs_in(folder: Path) -> set[str]:
    """The names of the programs that a folder's modules say may be claimed."""
    texts = (path.read_text("utf-8") for path in folder.glob("*.py"))
    found = (re.findall(r'^    version: ClassVar\[str\] = "(.+)"', text, re.M) for text in texts)
    return {name for names in found for name in names}


def undeclared(module: ModuleType) -> list[str]:
    """The drawing functions of a module that are shown in no section."""
    shown = {declared.draw for declared in DECLARED[module.__name__]}
    own = {name: draw for name, draw in vars(module).items() if name.startswith("draw_")}
    return [name for name, draw in own.items() if draw not in shown]


@pytest.mark.parametrize("title", re.findall(r"^## (.*)", GUIDE, re.MULTILINE))
def test_a_guide_has_ten_points_at_most_and_its_places_exist(title: str) -> None:
    found = places(title)
    assert 0 < len(steps(title)) <= 10
    assert [each for each in found if NAME not in each and not (ROOT / each).exists()] == []


def test_every_program_that_may_be_claimed_is_entered() -> None:
    assert programs_in(ROOT / "src/mechval/two_sat/programs") == CLAIMED.keys()


def test_a_program_that_is_not_entered_is_found(tmp_path: Path) -> None:
    text = 'class Oak:\n    version: ClassVar[str] = "oak"\n'
    (tmp_path / "oak.py").write_text(text, encoding="utf-8")
    assert programs_in(tmp_path) == {"oak"}


def stages_in(folder: Path) -> set[str]:
    """The modules of a folder that are stages."""
    files = folder.glob("*.py")
    return {path.stem for path in files if "\ndef run(" in path.read_text("utf-8")}


@pytest.mark.parametrize("study", [two_sat.STUDY, modular_addition.STUDY])
def test_every_stage_is_in_the_study_and_says_what_it_makes(study: Study) -> None:
    assert set(study.stage_names) == stages_in(ROOT / "src/mechval" / study.name / "stages")
    assert all(study.purposes.values())
    assert all(f"Stage ``{name}``: " in module.__doc__ for name, module in zip(
        study.stage_names, study.modules, strict=True))  # fmt: skip


def test_a_stage_that_is_not_in_the_study_is_found(tmp_path: Path) -> None:
    (tmp_path / "forgotten.py").write_text("X = 1\n\ndef run(context): ...\n", encoding="utf-8")
    (tmp_path / "helper.py").write_text("def help(): ...\n", encoding="utf-8")
    assert stages_in(tmp_path) == {"forgotten"}


@pytest.mark.parametrize("missing", ["READS", "SETTINGS", "TABLES", "run"])
def test_a_stage_cannot_leave_out_what_it_must_say(missing: str) -> None:
    module = ModuleType("toy.made")
    names = {"READS": (), "SETTINGS": (), "TABLES": (), "run": print}
    vars(module).update({name: value for name, value in names.items() if name != missing})
    with pytest.raises(AttributeError, match=missing):
        stages_of([module])


def test_every_drawing_is_shown_in_a_section() -> None:
    # This one is of two runs, which no section has.
    assert [name for module in content.FIGURES for name in undeclared(module)] == [
        "draw_before_and_after"
    ]


def test_a_drawing_that_is_shown_nowhere_is_found() -> None:
    module = ModuleType("forgotten")
    vars(module)["draw_nothing"] = lambda: None
    assert undeclared(module) == ["draw_nothing"]


def test_every_module_of_figures_is_looked_at() -> None:
    names = {module.__name__.rpartition(".")[2] for module in content.FIGURES}
    assert names == {path.stem for path in (REPORT / "figures").glob("[!_]*.py")}


def test_every_figure_is_of_a_section_that_there_is() -> None:
    sections = {path.stem for path in templates(content.PACKAGE)}
    declared = [each for module in content.FIGURES for each in DECLARED[module.__name__]]
    assert {each.section for each in declared} <= sections
    assert all(each.draw.__doc__ for each in declared)
