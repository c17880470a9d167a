"""The untracked record of one execution: where, when, with what, how long, how much memory."""

import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mechval.config import Config
from mechval.pipeline.manifest import json_text

RECORDED_PACKAGES = (
    *("mechval", "torch", "lightning", "hydra-core", "wandb", "python-sat"),
    *("numpy", "scipy", "scikit-learn", "safetensors"),
)


class RunRecord(Config):
    """What ``run.json`` says of one ``run`` or ``reverify``.

    The peak memory is the process's largest resident set so far (or that of its largest child),
    so in a run of several stages it covers the earlier ones too.
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


def record_run(action: str, root: Path, device: str, started: datetime) -> str:
    """The text of ``run.json`` for an execution, in the repository at ``root``, that ends now."""
    ended = datetime.now(UTC)
    usages = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    record = RunRecord(
        action=action,
        git_commit=_git_commit(root),
        packages={name: version(name) for name in RECORDED_PACKAGES},
        python=platform.python_version(),
        host=platform.node(),
        device=device,
        started=started.isoformat(timespec="seconds"),
        ended=ended.isoformat(timespec="seconds"),
        seconds=round((ended - started).total_seconds(), 3),
        peak_memory_bytes=unit * max(resource.getrusage(who).ru_maxrss for who in usages),
    )
    return json_text(record.model_dump())


def read_run_record(path: Path) -> RunRecord | None:
    """What a ``run.json`` says; None where it is missing or damaged: nothing depends on it."""
    try:
        return RunRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _git_commit(root: Path) -> str | None:
    """The commit checked out at ``root``, None outside a repository or before its first one."""
    command = ["git", "rev-parse", "--verify", "HEAD"]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
