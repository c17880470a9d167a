"""The built wheel, installed without a network into an empty environment, with our dependencies."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "mechval"
IMPORTS = ("axioms", "two_sat.study", "modular_addition.study", "pipeline")

SMALL_DATA = (
    *("+stage=data", "preset=smoke", "run=small", "wandb.mode=disabled"),
    *("data.training_formulas=1200", "data.analysis_formulas=600", "improved.formulas=300"),
    *("nulls.formulas=200", "progress.formulas=200", "partial.formulas=200"),
    "training.evaluation_examples=60",
)

pytestmark = pytest.mark.slow


def call(*words: str | Path, directory: Path) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ("-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    call(sys.executable, *words, directory=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    """Data files too: published values, page templates."""
    expected = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("mechval/")}
        entries = {name for name in archive.namelist() if name.startswith("experiments/conf/")}
        typed = archive.read("mechval-0.1.0.dist-info/METADATA").decode()
    assert any(name.endswith(".csv") for name in expected)
    assert held == expected
    assert entries == {
        f"experiments/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / "conf").rglob("*.yaml")
    }
    assert {"Version: 0.1.0", "Project-URL: Paper, https://arxiv.org/abs/2407.13594"} <= {
        *typed.splitlines()
    }


def test_the_wheel_installs_and_imports_in_an_empty_environment(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / "venv" / "lib" / version / "site-packages"
    pip = (sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--no-index")
    call(*pip, "--target", site, wheel, directory=tmp_path)
    # Listed in a .pth file, the dependencies come without the editable install that lies there.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", "utf-8")
    code = f"import mechval, {', '.join(f'mechval.{name}' for name in IMPORTS)}"
    told = call(python, "-c", f"{code}; print(mechval.__file__)", directory=tmp_path)
    assert Path(told).is_relative_to(site)
    (tmp_path / "empty").mkdir()
    told = call(python, site / "bin" / "mechval", "run", *SMALL_DATA, directory=tmp_path / "empty")
    assert "data: runs because there is no result yet" in told
    assert (tmp_path / "empty" / "results" / "two_sat" / "small" / "data").is_dir()
