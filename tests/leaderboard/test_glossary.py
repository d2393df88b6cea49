"""The glossary: no column without a term, no term without what it needs, and tips that work without a mouse."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_run import write_run
from in_browser import browser as browser
from in_browser import opened, until

from harness.decision.confidence import ESTIMATORS, LEARNT
from harness.leaderboard.board import columns, groups
from harness.leaderboard.board.columns import Column, Group
from harness.leaderboard.glossary import OF_KEY, term_of
from harness.leaderboard.page import build_page, write_page
from harness.leaderboard.terms import TERMS, WORDING_TERMS
from harness.leaderboard.terms_confidence import CONFIDENCE_TERMS

ALL = (*TERMS, *CONFIDENCE_TERMS, *WORDING_TERMS)
SLUGS = {term.slug for term in ALL}
ADDRESSED = re.compile(r'data-term="([^"]+)"')


def columns_in(value: Any) -> list[Column]:
    """Every column that a constant holds, whatever holds it."""
    if isinstance(value, Column):
        return [value]
    if isinstance(value, Group):
        return columns_in(value.columns)
    return [one for part in value for one in columns_in(part)] if isinstance(value, tuple) else []


def every_column() -> list[Column]:
    modules = (columns, groups)
    return [
        one for module in modules for name, value in vars(module).items() if name.isupper() for one in columns_in(value)
    ]


def test_no_column_is_without_a_term() -> None:
    found = {column.key: term_of(column.key) for column in every_column()}
    assert len(found) > 40
    assert [key for key, slug in found.items() if slug not in SLUGS and key not in ("parameters",)] == []


def test_a_term_says_the_same_better_direction_as_its_column() -> None:
    better = {term.slug: term.better for term in ALL}
    words = {"high": "higher", "low": "lower"}
    wrong = [
        column.key
        for column in every_column()
        if column.better and (said := better.get(term_of(column.key))) and said != words[column.better]
    ]
    assert wrong == []


def test_every_key_leads_to_a_term_and_terms_are_told_apart() -> None:
    assert set(OF_KEY.values()) <= SLUGS
    assert len(SLUGS) == len(ALL)
    for term in ALL:
        assert term.meaning.endswith((".", "there."))
        assert term.better in ("higher", "lower", "")


def test_every_estimator_is_explained() -> None:
    assert {term_of(name) for name in (*ESTIMATORS, LEARNT)} <= SLUGS - {""}
    assert {"recalibration", "gate", "witness"} <= SLUGS


@pytest.mark.parametrize(
    ("key", "slug"),
    [
        ("precision_at_3", "p-at-k"),
        ("recall_10_99", "frequency"),
        ("chapter_exact_match", "levels"),
        ("clef_external_f1", "clef"),
        ("normalised_cer_unseen", "cer"),
        ("exact_match_low", "interval"),
        ("no_such_thing", ""),
    ],
)
def test_keys_that_follow_a_pattern(key: str, slug: str) -> None:
    assert term_of(key) == slug


def test_the_measures_have_sources() -> None:
    own = {"hours saved", "model", "family", "kind", "floor", "frequency of a code", "support", "labels", "fit time"}
    own |= {"speed", "size", "alarms", "lines in standard wording"}
    own |= {"estimator", "product", "margin", "sequence", "beam gap", "agreement", "novelty", "gate", "witness"}
    assert {term.name for term in ALL if not term.source} == own


def test_the_page_lists_every_term_that_it_points_at(tmp_path: Path) -> None:
    page = build_page(write_run(tmp_path / "run"))
    there = re.findall(r'<div id="term-([^"]+)">', page)
    assert there == [term.slug for term in (*TERMS, *CONFIDENCE_TERMS)]
    assert set(ADDRESSED.findall(page)) <= set(there)
    assert "95 % interval of the risk is at most" in page  # a per cent sign is no format
    assert replace(TERMS[0]) == TERMS[0]


# in a browser --------------------------------------------------------------------------------------------------------

TIP = "document.getElementById('tip')"


@pytest.mark.browser
def test_a_tip_comes_with_the_focus_and_goes_with_escape(browser: Any, tmp_path: Path) -> None:
    watch = opened(browser, write_page(write_run(tmp_path / "run")))
    page = watch.page
    assert page.evaluate(f"{TIP}.hidden && {TIP}.getAttribute('role') === 'tooltip'")
    heading = page.locator("#models thead [data-column=risk] button")
    page.locator("#models thead [data-column=coverage] button").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(f"!{TIP}.hidden && document.activeElement.closest('th').dataset.column === 'risk'")
    assert heading.get_attribute("aria-describedby") == "tip"
    said = page.locator("#tip").inner_text()
    assert "selective risk" in said
    assert "lower is better" in said
    assert "El-Yaniv" in said
    page.keyboard.press("Escape")
    assert page.evaluate(f"{TIP}.hidden")
    assert heading.get_attribute("aria-describedby") is None
    assert watch.found == []


@pytest.mark.browser
def test_a_tip_can_be_pointed_at_and_stays_in_the_window(browser: Any, tmp_path: Path) -> None:
    watch = opened(browser, write_page(write_run(tmp_path / "run")), 390)
    page = watch.page
    word = page.locator("#audit-certificate a[data-term=hours-saved]")
    word.scroll_into_view_if_needed()
    word.hover()
    until(page, f"!{TIP}.hidden")
    inside = f"(({{left, right, top, bottom}}) => left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight)({TIP}.getBoundingClientRect())"
    assert page.evaluate(inside)
    page.locator("#tip").hover()
    page.wait_for_timeout(400)
    assert not page.evaluate(f"{TIP}.hidden")
    page.mouse.move(2, 2)
    until(page, f"{TIP}.hidden")
    assert watch.found == []


@pytest.mark.browser
def test_the_first_touch_explains_and_the_second_leads_to_the_term(browser: Any, tmp_path: Path) -> None:
    page_file = write_page(write_run(tmp_path / "run"))
    watch = opened(browser, page_file, 390, has_touch=True)
    page = watch.page
    word = page.locator("#audit-certificate a[data-term=audit]")
    word.scroll_into_view_if_needed()
    word.tap()
    until(page, f"!{TIP}.hidden")
    assert "#term" not in page.evaluate("location.hash")
    word.tap()
    until(page, "location.hash === '#term-audit'")
    assert watch.found == []


@pytest.mark.browser
def test_headings_of_numbers_have_tips_too(browser: Any, tmp_path: Path) -> None:
    watch = opened(browser, write_page(write_run(tmp_path / "run")))
    page = watch.page
    page.locator("#figure-curves details.numbers summary").click()
    heading = page.locator("#figure-curves th[data-key=risk] button")
    heading.hover()
    until(page, f"!{TIP}.hidden")
    assert "selective risk" in page.locator("#tip").inner_text()
    assert heading.get_attribute("aria-describedby") == "tip"
    assert watch.found == []
