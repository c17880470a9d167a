"""The untracked record of one execution: where, when, with what, how long, how much memory."""

import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mechval.config import Config
from mechval.pipeline.manifest import json_text, write_text_atomically

RECORDED_PACKAGES = (
    *("mechval", "torch", "lightning", "hydra-core", "wandb", "python-sat"),
    *("numpy", "scipy", "scikit-learn", "safetensors"),
)


class RunRecord(Config):
    """What ``run.json`` says.

    Attributes:
        action: ``run`` or ``reverify``.
        peak_memory_bytes: the process's largest resident set so far (or that of its largest
            child), so in a run of several stages it covers the earlier ones too.
    """

    action: str
    git_commit: str | None
    packages: dict[str, str]
    python: str
    host: str
    device: str
    started: str
    ended: str
    seconds: float
    peak_memory_bytes: int


class Stopwatch:
    """Starts when made; ``save`` tells what happened since."""

    def __init__(self, root: Path, device: str) -> None:
        self._root = root
        self._device = device
        self._started = datetime.now(UTC)
        self._clock = time.perf_counter()

    def save(self, action: str, path: Path) -> None:
        """Write the record of the execution that ends now."""
        record = RunRecord(
            action=action,
            git_commit=git_commit(self._root),
            packages={name: version(name) for name in RECORDED_PACKAGES},
            python=platform.python_version(),
            host=platform.node(),
            device=self._device,
            started=self._started.isoformat(timespec="seconds"),
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - self._clock, 3),
            peak_memory_bytes=_peak_memory_bytes(),
        )
        write_text_atomically(path, json_text(record.model_dump()))


def git_commit(root: Path) -> str | None:
    """The commit checked out at ``root``, None outside a repository or before its first one."""
    command = ["git", "rev-parse", "--verify", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def _peak_memory_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    usages = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return unit * max(resource.getrusage(who).ru_maxrss for who in usages)
