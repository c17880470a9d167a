"""The manifest of a finished stage: what it was made from and what it made, by sha256.

It is tracked and it is the cache key: same key and untouched outputs mean up to date.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechval.config import Config, parse_config
from mechval.errors import MechvalError
from mechval.files import is_leftover

UNHASHED = frozenset({"manifest.json", "run.json", "index.html"})
"""Files in a stage's folder that are none of its outputs."""
FIGURES = frozenset({".svg", ".png", ".pdf"})
PRESENTATION = FIGURES | {".md", ".html"}


@dataclass(frozen=True)
class StageKey:
    """What a stage's result depends on: its config slice, its code's digest, upstream's files."""

    config: dict[str, Any]
    seed: int
    code: str
    inputs: dict[str, str]

    @property
    def digest(self) -> str:
        """16 hex digits that name this key."""
        return text_digest(json_text(vars(self)))[:16]


class Manifest(Config):
    """Tracked record of one finished stage; file names are relative to their directory.

    ``threads``: of torch, None where the stage's bytes do not depend on them. It is no part of the
    key: other threads add in another order, which other machines do as well.
    """

    stage: str
    config: dict[str, Any]
    seed: int
    code: str
    inputs: dict[str, str]
    tracked: dict[str, str]
    bulk: dict[str, str]
    threads: int | None = None

    @property
    def digest(self) -> str:
        """sha256 of the manifest file."""
        return text_digest(manifest_text(self))


def make_manifest(
    stage: str, key: StageKey, directory: Path, bulk: Path, threads: int | None = None
) -> Manifest:
    """Record the files that a stage wrote under ``directory`` and ``bulk``."""
    return Manifest(
        stage=stage,
        **vars(key),
        tracked=hash_files(directory),
        bulk=hash_files(bulk),
        threads=threads,
    )


def manifest_text(manifest: Manifest) -> str:
    """The file's text; ``threads`` is left out where they play no part."""
    is_left_out = {"threads"} if manifest.threads is None else None
    return json_text(manifest.model_dump(exclude=is_left_out))


def load_manifest(path: Path) -> Manifest:
    """Read a manifest; raises MechvalError if the file is missing or is none."""
    try:
        return parse_config(Manifest, dict(json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        raise MechvalError(f"{path} is missing.") from None
    except MechvalError as error:
        raise MechvalError(f"{path} is corrupt: {error}") from None
    except (ValueError, TypeError, RecursionError):
        raise MechvalError(f"{path} is corrupt: it is no object in JSON.") from None


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON gives them back, so that tuples and lists compare equal."""
    return json.loads(json.dumps(dict(values)))


def upstream_inputs(upstream: Mapping[str, Manifest]) -> dict[str, str]:
    """Name and hash everything that upstream stages hand down.

    Cards, reports and figures are for people; no stage reads them, so they are no inputs.
    """
    inputs = {}
    for stage, manifest in upstream.items():
        for kind, files in (("tracked", manifest.tracked), ("bulk", manifest.bulk)):
            for name, digest in files.items():
                if Path(name).suffix not in PRESENTATION:
                    inputs[f"{stage}/{kind}/{name}"] = digest
    return dict(sorted(inputs.items()))


def hash_files(directory: Path) -> dict[str, str]:
    """sha256 of every file below ``directory`` (none if it does not exist), sorted by name."""
    return {name: hash_file(directory / name) for name in file_names(directory)}


def file_names(directory: Path) -> list[str]:
    """Relative names of the output files below ``directory``, sorted; hidden files are none."""
    if not directory.is_dir():
        return []
    files = (path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    names = (path.as_posix() for path in files if not is_leftover(path))
    return sorted(name for name in names if name not in UNHASHED)


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """sha256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def json_text(values: Mapping[str, Any]) -> str:
    """An object as a JSON file: keys sorted, trailing newline."""
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
