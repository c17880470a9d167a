"""Code is compiled where nothing can be kept of it, too."""

import subprocess
import sys

from tests.guards import HANG_SECONDS

# What numba does where neither the source's folder nor the user's can be written.
WITHOUT_CACHE = """
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []
import mechval.two_sat.certify.counting.compiled_loop
import mechval.two_sat.certify.theorem.listing_loop
"""


def test_without_a_folder_for_compiled_code_it_is_compiled_anew() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CACHE],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
