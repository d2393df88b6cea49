"""What tests of the page do where there is no browser."""

from __future__ import annotations

import sys

import pytest
from in_browser import chromium, module


@pytest.fixture(params=[None, "true"])
def ended(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[BaseException]:
    """How a test ends that lacks something: on a desk it is skipped, in CI it fails."""
    if request.param is None:
        monkeypatch.delenv("CI", raising=False)
        return pytest.skip.Exception
    monkeypatch.setenv("CI", request.param)
    return pytest.fail.Exception


def test_without_chromium_the_command_that_installs_it_is_said(
    ended: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ended, match="needs chromium; apt-get install chromium"):
        chromium()


def test_without_a_package_of_the_tests_too(ended: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(ended, match="needs playwright; pip install playwright"):
        module("playwright.sync_api", "playwright")


def test_what_is_there_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert chromium() == "/usr/bin/chromium"
    assert module("json", "json").loads("1") == 1
