"""Which run a config belongs to: only the committed config may write the committed run."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.pipeline.decision import config_changes
from mechval.pipeline.manifest import plain_values, text_digest

ALLOWED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PROTECTED = {"own": "reference", "published": "published", "weights": "proved"}


@dataclass(frozen=True)
class RunConfig:
    """What decides the numbers of a run.

    Attributes:
        preset: the preset it started from (part of a derived name, not of the config).
        model: ``own``, ``published`` or ``weights``.
        settings: the study's settings, without file paths.
        words: words of the command line that make the run, without file paths.
        is_default: whether the preset is that of the committed run and nothing overrides it.
    """

    study: str
    preset: str
    model: str
    seed: int
    settings: Mapping[str, Any]
    is_default: bool
    words: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The result-affecting values."""
        values = {"study": self.study, "model": self.model, "seed": self.seed}
        return plain_values({**values, "settings": dict(self.settings)})

    @property
    def record(self) -> dict[str, Any]:
        """What ``config.json`` says: the values, and the words that gave them."""
        return {**self.values, "words": list(self.words)}

    @property
    def protected_name(self) -> str:
        """The committed run that this kind of model belongs to."""
        return PROTECTED[self.model]

    @property
    def derived_name(self) -> str:
        """``<preset>-<8 hex of the config without its seed>-s<seed>``."""
        values = {key: value for key, value in self.values.items() if key != "seed"}
        digest = text_digest(json.dumps(values, sort_keys=True))[:8]
        return f"{self.preset}-{digest}-s{self.seed}"


def choose_run_name(
    requested: str | None, config: RunConfig, committed: Mapping[str, Any] | None
) -> str:
    """Name the run so that no override or sweep can overwrite a committed one.

    Args:
        requested: the ``run`` key; None leaves the choice to the config.
        committed: the ``config.json`` of the protected run of this kind of model, None without one.

    Raises:
        MechvalError: if ``requested`` is no folder name, or is protected and the config differs.
    """
    if requested is None:
        return _default_name(config, committed)
    if not ALLOWED_NAME.fullmatch(requested):
        raise MechvalError(
            f"run={requested!r} is not allowed; allowed: letters, digits, '.', '_' and '-', "
            "starting with a letter or digit, at most 100."
        )
    for name in PROTECTED.values():
        # Where the file system folds case they are the same folder.
        if requested.casefold() == name and requested != name:
            raise MechvalError(
                f"run={requested} is not allowed; allowed: {name} itself, or another name."
            )
    if requested in PROTECTED.values():
        _require_same(requested, config, committed)
    return requested


def load_run_config(path: Path) -> dict[str, Any] | None:
    """What a ``config.json`` says, None without one; raises MechvalError if it is no object."""
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, RecursionError):
        raise MechvalError(
            f"{path} is corrupt: it is not JSON; allowed: the committed file."
        ) from None


def values_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The result-affecting values of a ``config.json``: all but the words."""
    return {name: value for name, value in record.items() if name != "words"}


def _default_name(config: RunConfig, committed: Mapping[str, Any] | None) -> str:
    is_bound = config.is_default if committed is None else values_of(committed) == config.values
    return config.protected_name if is_bound else config.derived_name


def _require_same(name: str, config: RunConfig, committed: Mapping[str, Any] | None) -> None:
    if name != config.protected_name:
        raise MechvalError(
            f"run={name} is not allowed with model={config.model}; allowed: "
            f"{config.protected_name}, or a name of your own."
        )
    for change in config_changes(values_of(committed or config.values), config.values):
        raise MechvalError(
            f"run={name} is not allowed for this config ({change}); allowed: the committed "
            "config, or another run name."
        )
