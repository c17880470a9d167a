"""Which run a config belongs to; only the committed config may write the committed run."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval.errors import MechvalError
from mechval.pipeline.decision import config_changes
from mechval.pipeline.manifest import plain_values, text_digest

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
PROTECTED = {"own": "reference", "published": "published"}


@dataclass(frozen=True)
class RunConfig:
    """What decides the numbers of a run.

    Attributes:
        study: the study's name.
        preset: the preset it started from (part of a derived name, not of the config).
        model: ``own`` or ``published``.
        seed: the run's seed.
        settings: the study's settings, without file paths.
        is_default: whether the preset is the reference one and nothing overrides it.
    """

    study: str
    preset: str
    model: str
    seed: int
    settings: Mapping[str, Any]
    is_default: bool

    @property
    def values(self) -> dict[str, Any]:
        """The result-affecting values, as kept in ``config.json``."""
        values = {"study": self.study, "model": self.model, "seed": self.seed}
        return plain_values({**values, "settings": dict(self.settings)})

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
    requested: str | None, config: RunConfig, committed: Mapping[str, Mapping[str, Any]]
) -> str:
    """Name the run so that no override or sweep can overwrite a committed one.

    Args:
        requested: the ``run`` key; None leaves the choice to the config.
        config: the resolved config.
        committed: the committed config of each protected run that has one.

    Raises:
        MechvalError: if ``requested`` is no folder name, or is protected and the config differs.
    """
    if requested is None:
        return _default_name(config, committed)
    if not _ALLOWED.fullmatch(requested):
        raise MechvalError(
            f"run={requested!r} is not allowed; allowed: letters, digits, '.', '_' and '-', "
            "starting with a letter or digit, at most 100."
        )
    if requested in PROTECTED.values():
        _require_same(requested, config, committed)
    return requested


def load_committed_configs(paths: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Read the ``config.json`` of each protected run that has one.

    Raises:
        MechvalError: if one is not JSON.
    """
    committed = {}
    for name, path in paths.items():
        if path.exists():
            try:
                committed[name] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                raise MechvalError(
                    f"{path} is corrupt: it is not JSON; allowed: the committed file."
                ) from None
    return committed


def _default_name(config: RunConfig, committed: Mapping[str, Mapping[str, Any]]) -> str:
    name = config.protected_name
    is_bound = committed[name] == config.values if name in committed else config.is_default
    return name if is_bound else config.derived_name


def _require_same(name: str, config: RunConfig, committed: Mapping[str, Mapping[str, Any]]) -> None:
    if name != config.protected_name:
        raise MechvalError(
            f"run={name} is not allowed with model={config.model}; allowed: "
            f"{config.protected_name}, or a name of your own."
        )
    changes = list(config_changes(committed.get(name, config.values), config.values))
    if changes:
        raise MechvalError(
            f"run={name} is not allowed for this config ({changes[0]}); allowed: the committed "
            "config, or another run name."
        )
