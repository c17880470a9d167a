"""Files that appear whole or not at all."""

import os
import platform
import shutil
from contextlib import suppress
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


def own_aside(path: Path) -> Path:
    """A hidden place beside ``path`` that no other process writes to, with nothing there.

    What processes of this machine that are dead left in such places is removed.
    """
    prefix = f".{path.name}.{platform.node()}-"
    for leftover in path.parent.iterdir():
        owner = leftover.name.removeprefix(prefix)
        if leftover.name.startswith(prefix) and owner.isdigit() and not _is_another(int(owner)):
            remove(leftover)
    return path.with_name(f"{prefix}{os.getpid()}")


def remove(path: Path) -> None:
    """Delete a file, or a folder with all in it, write-protected parts too, if it is there and as
    far as the system lets."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.chmod(0o700)
        for place, names, _ in os.walk(path):
            for name in names:
                Path(place, name).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def _is_another(process: int) -> bool:
    """Whether a process lives that is not this one."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
