"""Checks the group choices on the command line before Hydra starts, so that a typo costs one
sentence and not a traceback."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.settings import Options
from experiments.studies import allowed_stages, load_study
from mechval.config import known_keys
from mechval.errors import MechvalError

DEFAULTS = {"study": "two_sat", "preset": "reference"}
_UNKNOWN_KEY = re.compile(r"Could not override '([^']+)'")
GROUPS = ("study", "preset", "model", "stage")


def check_choices(arguments: Sequence[str], conf: Path) -> None:
    """Check every ``group=option`` word of a command, comma lists of a sweep included.

    ``conf`` is the folder of Hydra's configuration. Raises MechvalError naming the group, the value
    and the options.
    """
    chosen = {name: [option] for name, option in DEFAULTS.items()} | dict(_group_words(arguments))
    for group, options in chosen.items():
        if group != "stage":
            _require("", group, options, _options(conf / group))
    for study in chosen["study"]:
        presets = [name for name in _options(conf / "settings" / study) if name != "base"]
        _require(f" with study={study}", "preset", chosen["preset"], presets)
        if "stage" in chosen:
            _require("", "stage", chosen["stage"], allowed_stages(study))


def missing_stage(study: str) -> MechvalError:
    """The refusal of a command that names no stage."""
    return MechvalError(f"+stage=… is missing; allowed: {', '.join(allowed_stages(study))}.")


def quoted(word: str) -> str:
    """A word of the command line, with the place of a file as Hydra's grammar has to have it."""
    key, is_assignment, value = word.partition("=")
    if key != "model.path" or not is_assignment or value in ("", "null") or value[0] in "'\"":
        return word
    # Backslashes count as such only before a quote.
    value = re.sub(r"(\\*)'", r"\1\1\\'", value)
    value = re.sub(r"(\\+)$", r"\1\1", value)
    return f"{key}='{value}'"


def refused_by_hydra(error: Exception, words: Sequence[str]) -> MechvalError:
    """What Hydra's parser or its configs say of one of the words, in one sentence."""
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    key = _UNKNOWN_KEY.fullmatch(reason)
    if key and not key[1].startswith("hydra"):
        study = dict(_group_words(words)).get("study", [DEFAULTS["study"]])[0]
        return _unknown_key(key[1], study)
    return MechvalError(
        f"the command line is refused ({reason}); allowed: words key=value with a known key, a "
        "value with brackets, commas or quotes in quotes of its own (docs/RUNNING.md)."
    )


def _unknown_key(path: str, study: str) -> MechvalError:
    names, settings = path.split("."), load_study(study).settings
    for depth in range(len(names)):
        allowed = known_keys(settings, names[:depth]) + known_keys(Options, names[:depth])
        if names[depth] not in allowed:
            wrong = ".".join(names[: depth + 1])
            return MechvalError(
                f"{wrong} is not a known setting; allowed here: {', '.join(allowed) or 'nothing'}."
            )
    return MechvalError(f"{path} has no value yet in this preset; allowed: with a plus, +{path}=….")


def _group_words(arguments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for word in arguments:
        key, is_assignment, value = word.partition("=")
        group = key.lstrip("+")
        # With a parenthesis it is a function of a sweep.
        if not is_assignment or group not in GROUPS or "(" in value:
            continue
        if group == "stage" and key == "stage":
            raise MechvalError(f"{word} is not allowed; allowed: with a plus, +{word}.")
        yield group, [option.strip(" '\"[]") for option in value.split(",")]


def _options(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _require(place: str, group: str, options: Sequence[str], allowed: Sequence[str]) -> None:
    for option in options:
        if option not in allowed:
            raise MechvalError(
                f"{group}={option} is not allowed{place}; allowed: {', '.join(allowed)}."
            )
