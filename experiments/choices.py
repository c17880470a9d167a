"""Checks the group choices on the command line before Hydra starts, so that a typo costs one
sentence and not a traceback."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mechval.errors import MechvalError

DEFAULTS = {"study": "two_sat", "preset": "reference"}
GROUPS = ("study", "preset", "model", "stage")


def check_choices(arguments: Sequence[str], conf: Path) -> None:
    """Check every ``group=option`` word, comma lists of a sweep included.

    Args:
        arguments: the command line without the program's name.
        conf: the folder of Hydra's configuration.

    Raises:
        MechvalError: naming the group, the value and the options.
    """
    chosen = {name: [option] for name, option in DEFAULTS.items()}
    for group, options in _group_words(arguments):
        allowed = _options(conf / group)
        for option in options:
            if option not in allowed:
                raise MechvalError(
                    f"{group}={option} is not allowed; allowed: {', '.join(allowed)}."
                )
        chosen[group] = options
    for study in chosen["study"]:
        _check_presets(study, chosen["preset"], _options(conf / "settings" / study))


def missing_stage(conf: Path) -> MechvalError:
    """The refusal of a command that names no stage."""
    return MechvalError(f"+stage=… is missing; allowed: {', '.join(_options(conf / 'stage'))}.")


def _group_words(arguments: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for word in arguments:
        key, is_assignment, value = word.partition("=")
        group = key.lstrip("+")
        if not is_assignment or group not in GROUPS or _is_sweep_function(value):
            continue
        if group == "stage" and key == "stage":
            raise MechvalError(f"{word} is not allowed; allowed: with a plus, +{word}.")
        yield group, [option.strip(" '\"") for option in value.split(",")]


def _is_sweep_function(value: str) -> bool:
    return "(" in value


def _options(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _check_presets(study: str, presets: list[str], allowed: list[str]) -> None:
    for preset in presets:
        if preset not in allowed:
            raise MechvalError(
                f"preset={preset} is not allowed with study={study}; allowed: {', '.join(allowed)}."
            )
