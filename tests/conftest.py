"""What every test needs before a framework is imported, and the small corpora that many of them share."""

from __future__ import annotations

import os

import pytest
from certificates import Roles, tiny
from hypothesis import settings

from harness.families.runtime import settle

settle()
# The same examples on every machine; a busy one must not fail a test by its speed.
settings.register_profile("harness", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "harness"))


@pytest.fixture(scope="session")
def tiny_roles() -> Roles:
    """Generated certificates of 30 codes by line: 300 for training, 80 for validation, 60 of a later year."""
    return tiny()
