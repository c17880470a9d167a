"""docs/EXTENDING.md is true today, and nobody who follows it can leave one of its places out."""

import re
from pathlib import Path
from typing import get_args

import pytest

from mechval.two_sat.configs import Version
from mechval.two_sat.study import STUDY
from tests.unit.pipeline.toy_study import ToySettings

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "src/mechval/two_sat/report"
CAPTIONS = (REPORT / "sections/captions.md").read_text(encoding="utf-8")
DRAWINGS = [
    name
    for path in sorted((REPORT / "figures").glob("*.py"))
    for name in re.findall(r"^def (draw_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
]
FIGURES = re.findall(r"^([\w-]+(?:-\*)?): ", CAPTIONS, re.MULTILINE)
GUIDE = (ROOT / "docs/EXTENDING.md").read_text(encoding="utf-8")
NAME = "<name>"


def steps(title: str) -> list[str]:
    """The points of a guide, up to what they say of the files that they name."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\d+\. (.*?): ", section, re.MULTILINE)


def places(title: str, points: int | None = None) -> list[str]:
    """The files that the first points of a guide name."""
    return re.findall(r"`([^`]+)`", " ".join(steps(title)[:points]))


def forgotten(names: tuple[str, ...], files: list[str]) -> list[tuple[str, str]]:
    """Names and the places that do not have them."""
    texts = {
        (name, file): (ROOT / file.replace(NAME, name)).read_text(encoding="utf-8")
        for name in names
        for file in files
    }
    return [(name, file) for (name, file), text in texts.items() if name not in text]


def made_and_shown() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(REPORT.glob("*.py")))


@pytest.mark.parametrize("title", re.findall(r"^## (.*)", GUIDE, re.MULTILINE))
def test_a_guide_has_ten_points_at_most_and_its_places_exist(title: str) -> None:
    found = places(title)
    assert 0 < len(steps(title)) <= 10
    assert [each for each in found if NAME not in each and not (ROOT / each).exists()] == []


def test_every_program_of_evaluate_is_in_each_place() -> None:
    assert forgotten(get_args(Version), places("A new program for evaluate")) == []


def test_every_stage_is_in_each_place() -> None:
    run, study, told = places("A new stage", 3)
    assert forgotten(STUDY.stage_names, [study, told]) == []
    bodies = [(ROOT / run.replace(NAME, name)).read_text("utf-8") for name in STUDY.stage_names]
    assert all("\ndef run(" in body and "\nTABLES" in body for body in bodies)


def test_every_block_of_settings_is_in_the_toy_study_too() -> None:
    blocks = STUDY.settings.model_fields.keys()
    assert blocks == ToySettings.model_fields.keys()


def test_a_place_that_is_forgotten_is_found() -> None:
    places_of_programs = places("A new program for evaluate")
    assert {file for _, file in forgotten(("forgotten program",), places_of_programs)} == {
        *places_of_programs
    }


@pytest.mark.parametrize("drawing", DRAWINGS)
def test_every_drawing_is_made_by_a_section(drawing: str) -> None:
    assert drawing in made_and_shown()


@pytest.mark.parametrize("figure", FIGURES)
def test_every_caption_is_of_a_figure_that_a_section_makes(figure: str) -> None:
    stem, is_many, _ = figure.partition("*")
    assert (f'"{stem}{{' if is_many else f'"{stem}"') in made_and_shown()


def test_every_figure_that_a_section_names_has_a_caption() -> None:
    named = re.findall(r'(?:Figure|files\.figure)\(\s*f?"([^"]+)"', made_and_shown())
    assert named
    assert {re.sub(r"\{.*\}", "*", name) for name in named} <= set(FIGURES)
