"""Where commands work, and folders of results that are replaced whole or stay as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mechval.errors import MechvalError
from mechval.files import own_aside, remove

_PARTS = ("results", "build", "data")


def packaged(name: str) -> Path:
    """A folder of the repository: beside this package, or in it where a wheel is installed."""
    here = Path(__file__).resolve().parent
    return next(path for path in (here / name, here.parent / name) if path.is_dir())


def working_folder() -> Path:
    """The current folder, if results may lie there: the repository's root, a folder of earlier
    results, or an empty one. Raises MechvalError, naming the root that it is below of, elsewhere.
    """
    folder = Path.cwd()
    if any((folder / name).is_dir() for name in _PARTS):
        return folder
    for above in folder.parents:
        if (above / "conf" / "config.yaml").is_file():
            raise MechvalError(f"{folder} is no place to run from; allowed: the root, cd {above}.")
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise MechvalError(
            f"{folder} is no place to run from; allowed: the repository's root, a folder with "
            "earlier results, or an empty one."
        )
    return folder


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder of the same name to write into; it takes the place if nothing is raised.

    What a killed process left beside it is put back or removed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside, old = own_aside(folder), folder.with_name(f".{folder.name}.old")
    _put_back(old, folder)
    made = aside / folder.name
    try:
        made.mkdir(parents=True)
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
    finally:
        _put_back(old, folder)
        remove(aside)


def _put_back(old: Path, folder: Path) -> None:
    """End what was stopped between the two renames, or after them."""
    if old.exists() and not folder.exists():
        old.rename(folder)
    remove(old)
