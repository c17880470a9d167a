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
    """Digest the sources of ``modules`` and of everything of their package that they import.

    Args:
        modules: dotted names, e.g. ``mechval.two_sat.circuit.extract``.
        package_root: directory of the top-level package; its name is the package's name.

    Returns:
        sha256 in hex; it depends on module names and source bytes only.

    Raises:
        ValueError: if an entry module does not exist.
    """
    digest = hashlib.sha256()
    for name in imported_modules(modules, package_root):
        source = module_file(name, package_root)
        assert source is not None
        digest.update(f"{name}\0{hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def imported_modules(modules: Iterable[str], package_root: Path = PACKAGE_ROOT) -> list[str]:
    """Names of the package's modules reached from ``modules``, themselves included, sorted."""
    waiting, reached = list(modules), set[str]()
    for name in waiting:
        if module_file(name, package_root) is None:
            raise ValueError(f"module {name!r} is not in {package_root}")
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_imports(name, package_root))
    return sorted(reached)


def module_file(name: str, package_root: Path = PACKAGE_ROOT) -> Path | None:
    """The source file of a module of the package, None if there is none."""
    top, *parts = name.split(".")
    base = package_root.joinpath(*parts)
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((p for p in candidates if top == package_root.name and p.is_file()), None)


@cache
def _import_statements(source: bytes) -> list[ast.Import | ast.ImportFrom]:
    nodes = ast.walk(ast.parse(source))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def _imports(name: str, package_root: Path) -> Iterator[str]:
    source = module_file(name, package_root)
    assert source is not None
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    for node in _import_statements(source.read_bytes()):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
            targets = [found if module_file(found, package_root) else origin for found in names]
        yield from (target for target in targets if module_file(target, package_root))
