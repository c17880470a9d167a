"""One headless Chromium for all browser tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.conftest import Require
from tests.guards import HANG_SECONDS

# A guard against hanging; without it Playwright gives up after 5 or 30 seconds.
HANG_MILLISECONDS = 1000 * HANG_SECONDS
# Quiet and sandbox-free, so that it starts in a container and asks nothing of the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser(require: Require) -> Iterator[Browser]:
    """Debian's Chromium (``apt-get install chromium``), or else Chrome."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    path = require(Path(found or "/usr/bin/chromium"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, timeout=HANG_MILLISECONDS
        )
        expect.set_options(timeout=HANG_MILLISECONDS)
        yield browser
        browser.close()
