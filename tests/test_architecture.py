"""Who may import what, read from the sources without importing them."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from mechval.pipeline.code_digest import imported_modules

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "mechval"
STUDIES = ("two_sat", "modular_addition")
FOUNDATION = {"errors", "config", "files", "progress", "tables"}
MAX_LINES = 500
MAX_DATA_MODULES = 17
# Everything else that a stage writes or reads is a declared table.
PLAIN_FILES = {
    *("tables.py", "axioms/spec_format.py"),
    # config.json and manifest.json
    *(f"pipeline/{name}.py" for name in ("manifest", "run", "run_name")),
    # headers of safetensors
    *(f"experiments/gallery/{name}.py" for name in ("compile_rasp", "compiled_network")),
    *("two_sat/formulas/dataset.py", "modular_addition/network/dataset.py"),
    *("two_sat/certify/parsing/certificate.py", "two_sat/certify/parsing/checker.py"),
    # hashed as text, and read without the code that writes it
    *("two_sat/certify/theorem/theorem.py", "two_sat/certify/theorem/checker.py"),
    "two_sat/certify/counting/chunks.py",  # what an interrupted count resumes from
    "experiments/epsilon_chart.py",  # a chart is named after its specification
    "experiments/settings_help.py",  # values as they are typed
}


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """What a file imports, wherever in it."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imported_names(path: Path, package: str) -> Iterator[str]:
    """Dotted names that a file imports; ``package`` resolves relative imports."""
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        else:
            base = package.split(".")[: 1 - node.level or None] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def dotted_package(path: Path) -> str:
    return ".".join(["mechval", *path.parent.relative_to(PACKAGE).parts])


def parts_used(path: Path) -> set[str]:
    """The parts of ``mechval`` (first-level packages and modules) that a file imports."""
    names = (name.split(".") for name in imported_names(path, dotted_package(path)))
    return {name[1] for name in names if name[0] == "mechval" and len(name) > 1}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dependencies(part: str) -> set[str]:
    folder = PACKAGE / part
    return {used for path in sources(folder) for used in parts_used(path)} - {part}


def third_parties(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported_names(path, "mechval")}


def test_every_form_of_import_is_read(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\n\n"
        "def h():\n    import wandb\n",
        encoding="utf-8",
    )
    expected = {"a.b", "c.d", "mechval.axioms.e", "mechval.f.g", "wandb"}
    assert set(imported_names(path, "mechval.axioms")) == expected


@pytest.mark.parametrize("part", ["axioms", "pipeline"])
def test_task_agnostic_packages_import_only_the_foundation(part: str) -> None:
    assert sources(PACKAGE / part)
    assert dependencies(part) <= FOUNDATION


def test_what_is_installed_without_extras_is_what_the_axioms_import() -> None:
    paths = [*sources(PACKAGE / "axioms"), *(PACKAGE / f"{name}.py" for name in FOUNDATION)]
    imported = {name for path in paths for name in third_parties(path)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = {re.split(r"[^\w-]", name)[0] for name in project["dependencies"]}
    # pydantic brings its core; for a figure, one is told to install matplotlib.
    ours = {"mechval", "pydantic_core", "matplotlib", "pandas"}
    assert imported - ours - sys.stdlib_module_names == installed


def test_the_axioms_import_nothing_that_takes_long_beside_torch() -> None:
    code = "import sys, mechval.axioms; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"scipy.stats", "scipy.optimize", "matplotlib", "pandas", "sklearn", "lightning"}
    assert not slow & set(done.stdout.split())


def test_the_foundation_imports_nothing_above_it() -> None:
    used = {name for part in FOUNDATION for name in parts_used(PACKAGE / f"{part}.py")}
    assert used <= FOUNDATION


def test_the_transformer_knows_no_study() -> None:
    assert not dependencies("transformer") & set(STUDIES)


@pytest.mark.parametrize("study", STUDIES)
def test_studies_do_not_import_each_other(study: str) -> None:
    assert not dependencies(study) & (set(STUDIES) - {study})


@pytest.mark.parametrize("library", ["hydra", "omegaconf", "wandb", "wandb_workspaces"])
def test_the_command_line_libraries_stay_in_experiments(library: str) -> None:
    assert [relative(p) for p in sources(PACKAGE) if library in third_parties(p)] == []


@pytest.mark.parametrize("library", ["lightning", "pytorch_lightning"])
def test_lightning_stays_in_training(library: str) -> None:
    users = {part_of(path) for path in sources(PACKAGE) if library in third_parties(path)}
    assert users <= {"training"}


@pytest.mark.parametrize(
    ("library", "modules"),
    [("wandb", {"tracking"}), ("wandb_workspaces", {"dashboard", "epsilon_chart"})],
)
def test_libraries_of_w_and_b_stay_where_w_and_b_is_served(library: str, modules: set[str]) -> None:
    users = {p.stem for p in sources(ROOT / "experiments") if library in third_parties(p)}
    assert users == modules


def test_the_library_does_not_import_experiments_or_tests() -> None:
    outside = {"experiments", "tests", "benchmarks"}
    assert [relative(p) for p in sources(PACKAGE) if third_parties(p) & outside] == []


def stage_modules() -> list[str]:
    return [
        dotted_package(path) + f".{path.stem}"
        for study in STUDIES
        for path in sources(PACKAGE / study / "stages")
        if path.stem not in ("__init__", "report")
    ]


@pytest.mark.parametrize("module", stage_modules())
def test_a_stage_depends_on_no_report_code(module: str) -> None:
    report = ("mechval.reporting", *(f"mechval.{study}.report" for study in STUDIES))
    assert [name for name in imported_modules([module]) if name.startswith(report)] == []


@pytest.mark.parametrize("study", STUDIES)
def test_stage_data_depends_on_few_modules(study: str) -> None:
    assert len(imported_modules([f"mechval.{study}.stages.data"])) <= MAX_DATA_MODULES


def test_tables_are_read_and_written_by_their_declarations() -> None:
    users = {
        relative(path).removeprefix("src/mechval/")
        for path in (*sources(PACKAGE), *sources(ROOT / "experiments"))
        if third_parties(path) & {"csv", "json"}
    }
    assert users == PLAIN_FILES


def test_no_checkout_turns_line_ends() -> None:
    """Results are known by the digests of their bytes."""
    words = ("git", "check-attr", "text", "README.md", "results/two_sat/reference/config.json")
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.rpartition(" ")[2] for line in told.splitlines()] == ["unset", "unset"]


def test_no_file_is_written_for_its_owner_alone() -> None:
    """``save_file`` of safetensors gives its files the mode 0600, whatever the umask."""
    paths = [path for name in ("src", "experiments") for path in sources(ROOT / name)]
    assert [relative(path) for path in paths if "save_file" in path.read_text("utf-8")] == []


def test_packages_have_no_import_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in sources(PACKAGE):
        part = part_of(path)
        graph.setdefault(part, set()).update(parts_used(path) - {part})
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {error.args[1]}")
    assert set(graph) <= set(order)


def test_no_file_is_longer_than_the_limit() -> None:
    files = [path for name in ("src", "experiments", "tests") for path in sources(ROOT / name)]
    long = [
        relative(path)
        for path in files
        if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES
    ]
    assert long == []


def test_the_checker_of_a_theorem_shares_no_code_with_its_finder() -> None:
    folder = PACKAGE / "two_sat" / "certify" / "theorem"
    checking = {path.stem for path in folder.glob("check*.py")}
    prefix = "mechval.two_sat.certify.theorem."
    for path in folder.glob("check*.py"):
        names = {name for name in imported_names(path, "") if name.startswith("mechval.")}
        own = {name.removeprefix(prefix).partition(".")[0] for name in names if prefix in name}
        assert own <= checking
        others = {name for name in names if not name.startswith("mechval.two_sat.certify.theorem")}
        assert others <= {"mechval.errors", "mechval.errors.MechvalError"}
