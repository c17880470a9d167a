"""Which sources a stage depends on."""

from pathlib import Path

import pytest

from mechval.pipeline.code_digest import code_digest, imported_modules

FILES = {
    "__init__.py": "",
    "errors.py": "import os\n",
    "stage.py": "from pkg import errors\n",
    "unrelated.py": "",
    "core/__init__.py": "from pkg.core.suite import run\n",
    "core/suite.py": "from ..errors import X\n",
    "core/statistics.py": "def f():\n    import pkg.stage\n",
    "task/__init__.py": "",
    "task/direct.py": "from pkg.core.statistics import f\n",
    "task/public.py": "from pkg.core import run\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "pkg"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_imports_inside_functions_and_of_submodules_are_followed(package: Path) -> None:
    assert imported_modules(["pkg.task.direct"], package) == [
        "pkg.core.statistics",
        "pkg.errors",
        "pkg.stage",
        "pkg.task.direct",
    ]


def test_a_name_from_a_package_brings_its_init_and_relative_imports(package: Path) -> None:
    assert imported_modules(["pkg.task.public"], package) == [
        "pkg.core",
        "pkg.core.suite",
        "pkg.errors",
        "pkg.task.public",
    ]


def test_a_change_in_a_transitive_import_changes_the_digest(package: Path) -> None:
    before = code_digest(["pkg.task.direct"], package)
    (package / "errors.py").write_text("import sys\n", encoding="utf-8")
    assert code_digest(["pkg.task.direct"], package) != before


def test_a_change_in_an_unrelated_module_does_not(package: Path) -> None:
    before = code_digest(["pkg.task.direct"], package)
    (package / "unrelated.py").write_text("1\n", encoding="utf-8")
    assert code_digest(["pkg.task.direct"], package) == before


def test_the_order_of_entry_modules_does_not_matter(package: Path) -> None:
    entries = ["pkg.task.direct", "pkg.task.public"]
    assert code_digest(entries, package) == code_digest(entries[::-1], package)


def test_an_unknown_entry_module_is_an_error(package: Path) -> None:
    with pytest.raises(ValueError, match=r"pkg\.absent"):
        code_digest(["pkg.absent"], package)


def test_the_contract_of_stages_does_not_pull_in_the_machinery() -> None:
    assert "mechval.pipeline.runner" not in imported_modules(["mechval.pipeline.stage"])
