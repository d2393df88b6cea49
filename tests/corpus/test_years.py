from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from certificates import by_certificate, read_by_line
from hypothesis import given
from hypothesis import strategies as st

from harness.config import ROLES, YearsConfig
from harness.corpus.builder import ReadResult
from harness.corpus.certificate import strings
from harness.corpus.years import OUTSIDE, assign, repeated_texts
from harness.errors import YearsError

CANARY = "zyxcanary"


def years(**roles: Any) -> YearsConfig:
    return YearsConfig.model_validate(roles)


def of_years(*given: int, ids: list[str] | None = None) -> ReadResult:
    return read_by_line(*((year, [(CANARY, ["A"])]) for year in given), ids=ids)


def of_roles(*given: str, ids: list[str] | None = None) -> ReadResult:
    return dataclasses.replace(of_years(*[2012] * len(given), ids=ids), roles=strings(given))


def refused(read: ReadResult, config: YearsConfig) -> str:
    with pytest.raises(YearsError) as caught:
        assign(read, config)
    message = str(caught.value)
    assert "\n" not in message
    assert CANARY not in message
    return message


def test_roles_by_years() -> None:
    read = of_years(2015, 2012, 2014, 2013, 2020, 2016, 2012)
    found = assign(read, years(train="2012-2013", validation="2014", heldout=["2015", "2016"]))
    names = [ROLES[role] if role >= 0 else None for role in found.role]
    assert names == ["heldout", "train", "validation", "train", None, "heldout", "train"]
    assert found.outside == 1
    assert read.quarantine.total == 0


@given(st.lists(st.integers(2010, 2019), min_size=10, max_size=30))
def test_every_certificate_has_the_role_of_its_year(given: list[int]) -> None:
    read = of_years(2012, 2014, *given)
    found = assign(read, years(train="2011-2013", validation="2014"))
    for year, role in zip(read.corpus.texts.years, found.role, strict=True):
        assert role == (0 if 2011 <= year <= 2013 else 1 if year == 2014 else OUTSIDE)
    assert found.outside == (found.role == OUTSIDE).sum()


def test_roles_by_column() -> None:
    read = of_roles("train", "VALIDATION", "", "held-out", "Held_Out", "heldout", "calibration", "held out")
    found = assign(read, years())
    assert found.role.tolist() == [0, 1, OUTSIDE, 3, 3, 3, 2, 3]
    assert found.outside == 1


@pytest.mark.parametrize("role", ["train", "validation", "calibration", "heldout"])
def test_a_named_role_must_not_be_empty(role: str) -> None:
    named = {"train": "2012", "validation": "2013", "calibration": "2014", "heldout": "2015"} | {role: "2019"}
    message = refused(of_years(2012, 2013, 2014, 2015), years(**named))
    assert message == f"years.{role} must name years that have certificates (2012-2015), but got 2019"


def test_the_years_that_there_are_are_listed() -> None:
    assert "(2012, 2014)" in refused(of_years(2012, 2014), years(train="2013", validation="2014"))
    assert "but got 2015-2017" in refused(of_years(2012, 2014), years(train="2015-2017", validation="2018"))
    assert "(none)" in refused(of_years(), years(train="2013", validation="2014"))


@pytest.mark.parametrize(("given", "missing"), [(("validation", ""), "train"), (("train", "heldout"), "validation")])
def test_a_role_column_must_have_train_and_validation(given: tuple[str, ...], missing: str) -> None:
    message = refused(of_roles(*given), years())
    assert (
        message == f"corpus.columns.role must give the role {missing} to at least one certificate, but gives it to none"
    )


def test_another_word_in_the_role_column_is_named_by_its_place() -> None:
    """By the word itself an office that names the wrong column would find a certificate's text in its log."""
    message = refused(of_roles("train", "validation", CANARY, "test"), years())
    assert message == (
        "corpus.columns.role must hold one of train, validation, calibration, heldout or nothing, "
        "but 2 certificates hold another word, first test.csv:4"
    )


def test_an_id_must_not_stand_in_two_roles() -> None:
    read = of_years(2012, 2013, 2013, 2012, ids=[CANARY, "b", CANARY, "c"])
    message = refused(read, years(train="2012", validation="2013"))
    assert message == (
        "the same id must not stand in two roles, but 1 do, first test.csv:2 (train) and test.csv:4 (validation)"
    )
    by_column = of_roles("heldout", "validation", "train", "train", ids=["b", "b", "c", "d"])
    assert "first test.csv:2 (heldout) and test.csv:3 (validation)" in refused(by_column, years())


def test_an_id_may_stand_again_outside_of_the_roles() -> None:
    read = of_years(2012, 2013, 2020, ids=["a", "b", "a"])
    found = assign(read, years(train="2012", validation="2013"))
    assert found.role.tolist() == [0, 1, OUTSIDE]
    assert found.outside == 1
    assert read.quarantine.total == 0


def test_an_id_twice_in_its_role_keeps_its_first_row() -> None:
    read = of_years(2013, 2013, 2012, 2012, 2011, ids=["v", "v", "a", "a", "a"])
    found = assign(read, years(train="2011-2012", validation="2013"))
    assert found.role.tolist() == [1, OUTSIDE, 0, OUTSIDE, OUTSIDE]
    assert found.outside == 0  # they are quarantined, not outside
    assert read.quarantine.summary() == [
        "3 left out: an id must stand once in its role (test.csv:3, test.csv:5, test.csv:6)"
    ]


def test_texts_that_repeat_those_of_training_are_counted() -> None:
    texts = {
        "train": by_certificate((2012, ["a", "b"], []), (2012, ["a", "b"], []), (2012, ["c"], [])).texts.whole(),
        "validation": by_certificate((2013, ["c"], []), (2013, ["c"], []), (2013, ["b", "a"], [])).texts.whole(),
        "heldout": by_certificate((2014, [], [])).texts.whole(),
    }
    assert repeated_texts(texts) == {"train": (2, 3), "validation": (2, 2), "heldout": (1, 0)}
    empty = {"train": texts["train"], "validation": pa.array([], type=pa.large_string())}
    assert repeated_texts(empty)["validation"] == (0, 0)


def test_roles_are_small() -> None:
    assert assign(of_years(2012, 2013), years(train="2012", validation="2013")).role.dtype == np.int8
