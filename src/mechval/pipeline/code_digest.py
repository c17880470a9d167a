"""A digest of the ``mechval`` source that a stage depends on, found without importing it.

Imports are followed statically. A package's ``__init__`` counts where a name is imported from it;
merely passing through it to a submodule does not make a stage depend on all it re-exports (the
package does no work at import).
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parents[1]


def code_digest(modules: Iterable[str], package_root: Path = PACKAGE_ROOT) -> str:
    """sha256 over the names and sources of ``modules`` and of all of the package they import."""
    digest = hashlib.sha256()
    for name in imported_modules(modules, package_root):
        source = _source(name, package_root).read_bytes()
        digest.update(f"{name}\0{hashlib.sha256(source).hexdigest()}\n".encode())
    return digest.hexdigest()


def imported_modules(modules: Iterable[str], package_root: Path = PACKAGE_ROOT) -> list[str]:
    """Dotted names of the package's modules reached from ``modules``, themselves included, sorted.

    Raises ValueError if one of ``modules`` does not exist. ``package_root`` is the directory of
    the top-level package, and has its name.
    """
    waiting, reached = list(modules), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_imports(name, package_root))
    return sorted(reached)


def _module_file(name: str, package_root: Path) -> Path | None:
    top, *parts = name.split(".")
    base = package_root.joinpath(*parts)
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((p for p in candidates if top == package_root.name and p.is_file()), None)


def _source(name: str, package_root: Path) -> Path:
    path = _module_file(name, package_root)
    if path is None:
        raise ValueError(f"module {name!r} is not in {package_root}")
    return path


@cache
def _import_statements(source: bytes) -> list[ast.Import | ast.ImportFrom]:
    nodes = ast.walk(ast.parse(source))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def _imports(name: str, package_root: Path) -> Iterator[str]:
    source = _source(name, package_root)
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    for node in _import_statements(source.read_bytes()):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
            targets = [found if _module_file(found, package_root) else origin for found in names]
        yield from (target for target in targets if _module_file(target, package_root))
