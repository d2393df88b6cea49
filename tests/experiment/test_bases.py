from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_base import small_base

from harness.config import load_config
from harness.errors import SpaceError
from harness.experiment.bases import check_bases, to_adapt
from harness.experiment.check import check
from harness.experiment.transfer import arms, for_study
from harness.search.space import Space, check_space

CONFIG = """
years = { train = "2014", validation = "2015", heldout = "2016" }
corpus = { format = "synthetic" }
search = { families = ["linear", "encoder"] }
"""


def space(*bases: str, start: tuple[str, ...] = ("pretrained",)) -> Space:
    base: dict[str, Any] = {"choices": list(bases), "default": bases[0]} if len(bases) > 1 else {"value": bases[0]}
    return check_space(
        "encoder", {"base": base, "start": {"choices": list(start), "default": start[0]}}, "encoder.toml"
    )


def test_a_base_that_is_not_there_is_named() -> None:
    with pytest.raises(SpaceError, match=r"^base must be minilm or .*, but got '/nowhere' \(encoder.toml\)$"):
        check_bases({"encoder": space("minilm", "/nowhere")})


def test_bases_that_are_there_pass(tmp_path: Path) -> None:
    base = str(small_base(tmp_path / "base", layers=1))
    check_bases({"encoder": space("minilm", base), "linear": check_space("linear", {}, "linear.toml")})
    check_bases({"encoder": check_space("encoder", {}, "encoder.toml")})  # its parameter's own default


def test_one_base_is_adapted() -> None:
    adapted = space("minilm", start=("pretrained", "adapted"))
    assert to_adapt({"encoder": adapted}) == ("encoder", "minilm")
    assert to_adapt({"encoder": space("minilm")}) is None
    assert to_adapt({"linear": check_space("linear", {}, "linear.toml")}) is None


def test_a_configuration_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "search.toml").write_text(CONFIG)
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "encoder.toml").write_text('base = { value = "/nowhere" }\n')
    with pytest.raises(SpaceError, match=r"but got '/nowhere' \(encoder.toml\)$"):
        check(load_config(tmp_path / "search.toml"), tmp_path)


def test_a_study_adapts_one_base_alone(tmp_path: Path) -> None:
    """Its arms fix the start, so that a space whose trials would not adapt two bases may do so in a study."""
    base = str(small_base(tmp_path / "base", layers=1))
    (tmp_path / "search.toml").write_text(CONFIG)
    config = for_study(load_config(tmp_path / "search.toml"), "search.toml")
    adapted = next(arm for arm in arms(config) if arm.fixed.get("start") == "adapted")
    check_bases({"encoder": space("minilm", base)})
    with pytest.raises(SpaceError, match="base must have one value where start offers adapted"):
        check_bases({"encoder": adapted.space(space("minilm", base))})
