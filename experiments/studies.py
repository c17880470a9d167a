"""The case studies that the commands know."""

from importlib import import_module
from typing import Any

STUDIES = {
    "two_sat": "mechval.two_sat.study",
    "modular_addition": "mechval.modular_addition.study",
}


def load_study(name: str) -> Any:
    """A study's :class:`mechval.pipeline.study.Study`, imported when it is asked for."""
    return import_module(STUDIES[name]).STUDY


def allowed_stages(name: str) -> list[str]:
    """What ``+stage=`` may be: every stage of the study, and the words that are none."""
    return ["all", *load_study(name).stage_names, "dashboard"]


def load_explainer(name: str) -> Any:
    """A study's ``explain_words``: the words of a command to what is shown of one input."""
    package = STUDIES[name].rpartition(".")[0]
    return import_module(f"{package}.single.explain_view").explain_words
