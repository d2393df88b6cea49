"""The section ``[study]`` of the configuration."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from harness.config import StudyConfig, resolve
from harness.errors import ConfigError


def read(**study: Any) -> StudyConfig:
    raw = {
        "corpus": {"format": "synthetic"},
        "years": {"train": "2014-2016", "validation": "2017", "heldout": "2018"},
        "study": study,
    }
    return resolve(raw, Path(), "my.toml").study


def test_what_is_left_out() -> None:
    found = read()
    assert found.sizes == (Fraction(1, 16), Fraction(1, 4), Fraction(1))
    assert (found.seeds, found.budget, found.baselines) == (3, 900.0, ("bag", "label_attention"))


def test_sizes_are_sorted_and_named_once() -> None:
    found = read(sizes=["1", "1/2", "2/4", " 1 / 8 ", 1], budget="20m", baselines="cnn")
    assert found.sizes == (Fraction(1, 8), Fraction(1, 2), Fraction(1))
    assert (found.budget, found.baselines) == (1200.0, ("cnn",))
    assert read(sizes=found.model_dump(mode="json")["sizes"]).sizes == found.sizes


@pytest.mark.parametrize("sizes", [["1/4"], ["1/4", "2"], ["0.5", "1"], ["1/0", "1"], ["-1/2", "1"], [], True, "half"])
def test_other_sizes_are_refused(sizes: Any) -> None:
    with pytest.raises(ConfigError, match=r"study\.sizes must be parts of the training years such as .*\(my\.toml\)"):
        read(sizes=sizes)


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"seeds": 1}, r"study\.seeds"),
        ({"baselines": []}, r"study\.baselines"),
        ({"size": ["1"]}, r"study\.size is not a key; the keys here are sizes, seeds, budget, baselines"),
    ],
)
def test_other_values_are_refused(study: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(**study)
