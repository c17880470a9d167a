"""Code is compiled where nothing can be kept of it, too."""

import subprocess
import sys

import pytest

from tests.guards import HANG_SECONDS

MODULES = ("counting.compiled_loop", "theorem.listing_loop")
# What numba does where neither the source's folder nor the user's can be written.
WITHOUT_CACHE = """
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []
import mechval.two_sat.certify.{module}
"""


@pytest.mark.parametrize("module", MODULES)
def test_without_a_folder_for_compiled_code_it_is_compiled_anew(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CACHE.format(module=module)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
