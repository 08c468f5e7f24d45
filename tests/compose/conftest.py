"""What a deployment is made of, and the real tools that judge it."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def stack() -> dict[str, Any]:
    """The stack without overlays."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose/compose.yaml").read_text())
    return found


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """A program by its name; without it the test is skipped, except in CI if its package is one that CI installs."""

    def find(name: str) -> str:
        found = shutil.which(name) or shutil.which(name, path=f"{Path(sys.executable).parent}:/sbin:/usr/sbin")
        if found is None and name in ("promtool", "hadolint") and os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing")
        return found or pytest.skip(f"{name} is not installed")

    return find
