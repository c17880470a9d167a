"""Checkpoints that a kill, a full disk or a damaged file cannot turn into a dead end."""

import logging
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from mechval.files import write_whole

_PARTS = ("state_dict", "global_step")

_logger = logging.getLogger(__name__)


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint aside, then renames it, and keeps the one before beside it."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        content, path = BytesIO(), Path(path)
        torch.save(checkpoint, content)
        following = _beside(path, "following")
        write_whole(following, content.getvalue())
        if path.exists():
            path.replace(_beside(path, "before"))
        following.replace(path)


def newest_whole(path: Path) -> Path | None:
    """The checkpoint at ``path``, or the one before it if that is damaged, or none.

    A damaged one is set aside, in one logged sentence.
    """
    for candidate in (path, _beside(path, "before")):
        if is_whole(candidate):
            return candidate
        if candidate.exists():
            set_aside(candidate)
    return None


def set_aside(path: Path) -> None:
    """Rename a checkpoint that is of no use, and say so."""
    damaged = _beside(path, "damaged")
    path.replace(damaged)
    told = "training goes on from the one before it, else from the start"
    _logger.warning("%s is damaged and set aside as %s; %s.", path, damaged.name, told)


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is there and can be read."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        # What reading garbage as a pickle raises is anything at all.
        return False
    return isinstance(content, dict) and all(part in content for part in _PARTS)


def _beside(path: Path, state: str) -> Path:
    return path.with_name(f"{path.stem}.{state}{path.suffix}")
