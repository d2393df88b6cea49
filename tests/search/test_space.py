from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import SpaceError
from harness.families import FAMILIES, family, frame
from harness.search.space import PACKAGED, Space, check_space, load_space

every_family = pytest.mark.parametrize("name", list(FAMILIES))
WIDTH = {"choices": [32, 64], "default": 32}


def space(**dimensions: Any) -> Space:
    return check_space("bag", dimensions, "bag.toml")


def refused(**dimensions: Any) -> str:
    with pytest.raises(SpaceError) as caught:
        space(**dimensions)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(" (bag.toml)")
    return message.removesuffix(" (bag.toml)")


def draw(found: Space, seed: int = 0, n: int = 50, *, enqueue: bool = False) -> list[dict[str, Any]]:
    """What Optuna's random sampler makes of a space, any warning of it an error."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    drawn = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        if enqueue:
            study.enqueue_trial(found.defaults())
        for _ in range(n):
            trial = study.ask()
            drawn.append(found.suggest(trial))
            study.tell(trial, 0.0)
    return drawn


# ---------------------------------------------------------------------------------------------- the shipped spaces


@every_family
def test_a_shipped_space_starts_at_its_defaults_and_stays_in_range(name: str) -> None:
    shipped = load_space(name)
    first, *others = draw(shipped, enqueue=True)
    assert first == shipped.defaults()
    for parameters in (first, *others):
        framed, own = frame.part(name, parameters)
        assert framed.unit in ("line", "certificate")
        assert 1 <= family(name).most_steps(own) <= shipped.most_steps()
    assert len({str(parameters) for parameters in others}) > 10


@every_family
def test_a_shipped_space_searches_the_unit_and_begins_by_line(name: str) -> None:
    assert load_space(name).defaults()["unit"] == "line"
    assert {parameters["unit"] for parameters in draw(load_space(name))} == {"line", "certificate"}


EVERYTHING: dict[str, Any] = {"code_list": True, "lexicon": True, "years": 2, "covariates": True}


@every_family
def test_what_the_corpus_does_not_offer_is_dropped(name: str) -> None:
    shipped = load_space(name)
    assert shipped.offered(by_line=True, **EVERYTHING) == shipped
    offered = shipped.offered(by_line=False, **EVERYTHING)
    assert offered.defaults() == {**shipped.defaults(), "unit": "certificate"}
    assert {parameters["unit"] for parameters in draw(offered)} == {"certificate"}
    assert set(offered.dimensions) == set(shipped.dimensions)
    bare = shipped.offered(by_line=True, code_list=False, lexicon=False, years=1, covariates=False)
    assert set(shipped.dimensions) - set(bare.dimensions) == {
        "hits", "lexicon", "half_life", "covariates"
    } & set(shipped.dimensions)  # fmt: skip
    assert bare.whole <= set(bare.dimensions)
    assert (
        "lexicon" in shipped.offered(by_line=True, code_list=True, lexicon=False, years=2, covariates=True).dimensions
    )
    assert {"half_life", "glued", "lexicon"} <= set(shipped.dimensions)


@every_family
def test_a_space_as_plain_values_is_the_same_space(name: str) -> None:
    shipped = load_space(name)
    assert check_space(name, shipped.plain(), "again.toml") == shipped


def test_a_space_need_not_offer_the_unit() -> None:
    found = space(width=WIDTH)
    assert found.offered(by_line=False, **EVERYTHING) == found
    assert found.defaults() == {"width": 32}


def test_spaces_lie_in_the_checkout_or_the_package() -> None:
    assert {path.stem for folder in PACKAGED for path in folder.glob("*.toml")} == set(FAMILIES)


def test_the_folder_of_the_office_comes_first(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "bag.toml").write_text("width = { value = 16 }\n")
    folders = (tmp_path / "one", tmp_path / "two")
    assert load_space("bag", folders).defaults() == {"width": 16}
    assert load_space("linear", folders) == load_space("linear")
    (tmp_path / "one" / "bag.toml").write_text("width = { value = \n")
    with pytest.raises(SpaceError, match=r"^a search space must be TOML: [^\n]+ \(bag\.toml\)$"):
        load_space("bag", folders)
    (tmp_path / "one" / "bag.toml").write_bytes(b"# \xff")
    with pytest.raises(SpaceError, match=r"^a search space must be TOML: [^\n]+ \(bag\.toml\)$"):
        load_space("bag", folders)


def test_a_family_without_a_space(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("harness.search.space.PACKAGED", ())
    with pytest.raises(SpaceError, match=r"^the family bag needs a search space bag\.toml, and no folder has it$"):
        load_space("bag", (tmp_path,))


# ----------------------------------------------------------------------------------------------------- dimensions


def test_whole_numbers_come_from_the_parameters_and_not_from_the_literal() -> None:
    found = space(width={"range": [4, 8], "default": 6}, learning_rate={"range": [0.001, 1], "default": 0.01})
    for parameters in draw(found):
        assert type(parameters["width"]) is int
        assert type(parameters["learning_rate"]) is float
    assert {parameters["width"] for parameters in draw(found)} == {4, 5, 6, 7, 8}


def test_a_step() -> None:
    found = space(
        width={"range": [16, 64], "step": 16, "default": 32}, dropout={"range": [0.0, 0.4], "step": 0.1, "default": 0.3}
    )
    drawn = draw(found, n=200, enqueue=True)
    assert drawn[0] == {"width": 32, "dropout": 0.3}
    assert {parameters["width"] for parameters in drawn} == {16, 32, 48, 64}
    assert {round(parameters["dropout"], 9) for parameters in drawn} == {0.0, 0.1, 0.2, 0.3, 0.4}


def test_a_logarithmic_range() -> None:
    drawn = draw(space(learning_rate={"range": [1e-5, 1e-1], "log": True, "default": 1e-3}), n=200)
    below = sum(parameters["learning_rate"] < 1e-3 for parameters in drawn)
    assert 70 < below < 130  # evenly on the logarithm


def test_a_condition() -> None:
    found = space(
        unit={"choices": ["line", "certificate"], "default": "line"},
        width={**WIDTH, "when": {"unit": ["line"]}},
        batch={"choices": [8, 16], "default": 8, "when": {"width": [64], "unit": ["line"]}},
    )
    assert found.defaults() == {"unit": "line", "width": 32}
    drawn = draw(found, n=100)
    for parameters in drawn:
        assert ("width" in parameters) == (parameters["unit"] == "line")
        assert ("batch" in parameters) == (parameters.get("width") == 64)
    assert {len(parameters) for parameters in drawn} == {1, 2, 3}
    only = found.offered(by_line=False, **EVERYTHING)
    assert all(parameters == {"unit": "certificate"} for parameters in draw(only))


def test_most_steps_counts_what_any_trial_may_ask_for() -> None:
    assert space(epochs={"range": [4, 16], "default": 8}).most_steps() == 16
    assert space(epochs={"choices": [2, 12, 6], "default": 2}).most_steps() == 12
    assert space(epochs={"value": 7}).most_steps() == 7
    assert space(width=WIDTH).most_steps() == family("bag").Parameters().model_dump()["epochs"]
    rare = space(width=WIDTH, epochs={"range": [4, 40], "default": 4, "when": {"width": [64]}})
    assert rare.most_steps() == 40
    assert load_space("linear").most_steps() == 1


@settings(max_examples=50)
@given(st.integers(4, 700), st.integers(1, 24), st.integers(1, 10), st.integers(0, 60))
def test_a_default_must_be_one_that_optuna_can_draw(low: int, step: int, steps: int, off: int) -> None:
    dimension = {"range": [low, low + step * steps], "step": step, "default": low + off}
    if off % step == 0 and off <= step * steps:
        assert draw(space(width=dimension), n=1, enqueue=True) == [{"width": low + off}]
    else:
        assert refused(width=dimension).startswith("width.default must ")


# --------------------------------------------------------------------------------- errors: rule, value, choices, place


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        (
            {"widht": WIDTH},
            "widht is not a parameter of bag; they are unit, half_life, glued, lexicon, covariates, width, epochs, batch, "
            "learning_rate, dropout, spread, hits, loss, focus, margin, buckets_log2, char_ngrams",
        ),
        ({"width": 64}, "width must be a table such as { range = [1, 5], default = 2 }, but got 64"),
        (
            {"width": {"rnage": [4, 8]}},
            "width.rnage is not a key; they are range, choices, value, default, log, step, when",
        ),
        ({"width": {}}, "width must have exactly one of range, choices and value, but has none"),
        (
            {"width": {"range": [4, 8], "value": 4}},
            "width must have exactly one of range, choices and value, but has range, value",
        ),
        (
            {"width": {"range": [8, 4], "default": 4}},
            "width.range must be two whole numbers, the lower first, but got [8, 4]",
        ),
        (
            {"width": {"range": [4, 4], "default": 4}},
            "width.range must be two whole numbers, the lower first, but got [4, 4]",
        ),
        (
            {"width": {"range": [4.0, 8], "default": 4}},
            "width.range must be two whole numbers, the lower first, but got [4.0, 8]",
        ),
        (
            {"dropout": {"range": [False, 0.5], "default": 0.1}},
            "dropout.range must be two finite numbers, the lower first, but got [False, 0.5]",
        ),
        (
            {"spread": {"range": [0.1, float("inf")], "default": 0.3}},
            "spread.range must be two finite numbers, the lower first, but got [0.1, inf]",
        ),
        (
            {"spread": {"range": [float("nan"), 1.0], "default": 0.3}},
            "spread.range must be two finite numbers, the lower first, but got [nan, 1.0]",
        ),
        ({"width": {"range": [4, 8], "default": 9}}, "width.default must lie in [4, 8], but got 9"),
        ({"width": {"range": [4, 8], "default": 4.5}}, "width.default must lie in [4, 8], but got 4.5"),
        ({"width": {"range": [4, 8]}}, "width.default must lie in [4, 8], but got None"),
        ({"width": {"choices": [4, 8]}}, "width.default must be one of 4, 8, but got None"),
        ({"width": {"choices": [4, 8], "default": 6}}, "width.default must be one of 4, 8, but got 6"),
        (
            {"dropout": {"range": [0.0, 0.5], "default": 0.1, "log": True}},
            "dropout.log needs a range above zero and no step, but got [0.0, 0.5]",
        ),
        (
            {"width": {"range": [4, 8], "default": 4, "log": True, "step": 2}},
            "width.log needs a range above zero and no step, but got [4, 8]",
        ),
        ({"width": {"range": [4, 8], "default": 4, "step": 0}}, "width.step must be a number above zero, but got 0"),
        (
            {"width": {"range": [4, 8], "default": 4, "step": 0.5}},
            "width.step must be a number above zero, but got 0.5",
        ),
        (
            {"width": {"range": [4, 8], "default": 5, "step": 2}},
            "width.default must be 4 and some steps of 2, but got 5",
        ),
        ({"width": {**WIDTH, "step": 2}}, "width.step must stand beside a range, but stands beside choices"),
        ({"width": {"value": 8, "log": True}}, "width.log must stand beside a range, but stands beside value"),
        (
            {"unit": {"choices": ["line", "word"], "default": "line"}},
            "bag.unit: Input should be 'line' or 'certificate', but got 'word'",
        ),
        (
            {"width": {**WIDTH, "when": {"batch": [8]}}},
            "width.when.batch must be a parameter above it (none), but got 8",
        ),
        (
            {"width": WIDTH, "batch": {"value": 8, "when": {"width": [33, 64]}}},
            "batch.when.width must be one of 32, 64, but got 33, 64",
        ),
        (
            {"width": WIDTH, "batch": {"value": 8, "when": {"width": [[32]]}}},
            "batch.when.width must be one of 32, 64, but got [32]",
        ),
    ],
)
def test_errors_state_rule_value_choices_and_place(dimensions: dict[str, Any], message: str) -> None:
    assert refused(**dimensions) == message


@pytest.mark.parametrize(
    ("dimensions", "named"),
    [
        ({"width": {"range": [1, 64], "default": 32}}, "bag.width: "),  # the family wants 4 at least
        ({"width": {"range": [4, 9999], "default": 32}}, "bag.width: "),
        ({"dropout": {"choices": [0.1, 1.0], "default": 0.1}}, "bag.dropout: "),
        ({"learning_rate": {"value": "fast"}}, "bag.learning_rate: "),
        ({"width": {"range": [4]}}, "width.range"),
        ({"width": {"range": 4}}, "width.range"),
        ({"width": {"range": [4, 8], "default": 4, "log": "often"}}, "width.log"),
        ({"width": {**WIDTH, "when": "always"}}, "width.when"),
    ],
)
def test_what_the_family_cannot_be_is_refused(dimensions: dict[str, Any], named: str) -> None:
    message = refused(**dimensions)
    assert message.startswith(named)
    assert ", but got " in message
