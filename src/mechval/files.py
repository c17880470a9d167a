"""Files that appear whole or not at all."""

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file aside, then rename it: a reader sees the old or the new one, never a part.

    Folders above it are made. Its mode follows the umask. What a killed process leaves is hidden
    (``.<name>.part``), and no output of a stage is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def is_leftover(path: Path) -> bool:
    """Whether a path, relative to the folder that a program writes, is none of its outputs."""
    return any(part.startswith(".") for part in path.parts)
