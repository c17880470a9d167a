"""The built wheel, in an environment that has its dependencies and not this repository."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA_SUFFIXES = (".csv", ".j2", ".css")
# A .pth file of the dependencies would bring the editable installation along; a path does not.
IMPORT_ALL = """
import sys
sys.path.append(sys.argv[1])
from importlib import import_module
from pkgutil import walk_packages
import mechval
for module in walk_packages(mechval.__path__, "mechval."):
    import_module(module.name)
print(mechval.__file__)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel alone."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
    (wheel,) = folder.glob("mechval-*.whl")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    install = ("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True)
    return python


def test_every_module_of_the_wheel_imports(installed: Path) -> None:
    dependencies = sysconfig.get_path("purelib")
    done = subprocess.run(
        [str(installed), "-I", "-c", IMPORT_ALL, dependencies],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(str(installed.parents[1]))


def test_the_wheel_holds_every_data_file(installed: Path) -> None:
    (package,) = installed.parents[1].glob("lib/python*/site-packages/mechval")
    source = ROOT / "src" / "mechval"
    data = {path.relative_to(source) for path in source.rglob("*") if path.suffix in DATA_SUFFIXES}
    assert data
    assert {path for path in data if not (package / path).is_file()} == set()
