"""A digest of the ``mechval`` source that a stage depends on, found without importing it.

Imports are followed statically. A package's ``__init__`` counts where a name is imported from it;
merely passing through it to a submodule does not make a stage depend on all it re-exports (the
package does no work at import).
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
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
    waiting = list(modules)
    for name in waiting:
        if module_file(name, package_root) is None:
            raise ValueError(f"module {name!r} is not in {package_root}")
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_imports(name, package_root))
    return sorted(reached)


def module_file(name: str, package_root: Path = PACKAGE_ROOT) -> Path | None:
    """The source file of a module of the package, None if there is none."""
    top, *parts = name.split(".")
    if top != package_root.name:
        return None
    base = package_root.joinpath(*parts)
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _imports(name: str, package_root: Path) -> Iterator[str]:
    source = module_file(name, package_root)
    assert source is not None
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source.read_bytes())):
        for target in _targets(node, package, package_root):
            if module_file(target, package_root) is not None:
                yield target


def _targets(node: ast.AST, package: str, package_root: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = _origin(node, package)
        for alias in node.names:
            submodule = f"{origin}.{alias.name}"
            yield submodule if module_file(submodule, package_root) else origin


def _origin(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])
