from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from harness.config import RunConfig, load_config
from harness.errors import ConfigError, SpaceError, UnknownName
from harness.experiment.arms import Arm, on_part
from harness.experiment.transfer import arms, for_study, meta, smoke
from harness.families import frame
from harness.search.space import check_space

TOML = """
[corpus]
format = "synthetic"
[years]
train = "2014-2016"
validation = "2017"
calibration = "2018"
{heldout}
[study]
{study}
"""


def config(tmp_path: Path, study: str = "", heldout: str = 'heldout = "2019"') -> RunConfig:
    path = tmp_path / "my.toml"
    path.write_text(TOML.format(study=study, heldout=heldout))
    return load_config(path)


def test_arms_are_three_starts_of_the_encoder_the_baselines_and_linear(tmp_path: Path) -> None:
    found = [(arm.name, arm.family) for arm in arms(config(tmp_path, 'baselines = ["bag", "cnn"]'))]
    assert found == [
        ("random", "encoder"),
        ("pretrained", "encoder"),
        ("adapted", "encoder"),
        ("bag", "bag"),
        ("cnn", "cnn"),
        ("linear", "linear"),
    ]


def test_an_arm_fixes_its_start_and_what_is_conditional_follows() -> None:
    space = check_space(
        "encoder",
        {
            "start": {"choices": ["random", "pretrained", "adapted"], "default": "pretrained"},
            "frozen": {"value": 1, "when": {"start": ["pretrained", "adapted"]}},
            "layers": {"value": 2},
        },
        "encoder.toml",
    )
    fixed = {start: Arm(start, "encoder", {"start": start}).space(space).defaults() for start in ("random", "adapted")}
    assert fixed == {
        "random": {"start": "random", "layers": 2},
        "adapted": {"start": "adapted", "frozen": 1, "layers": 2},
    }
    assert Arm("linear", "linear").space(space) is space


def test_a_study_has_its_arms_families_and_no_calibration_years(tmp_path: Path) -> None:
    found = for_study(config(tmp_path, 'baselines = ["bag"]\nbudget = "90s"'), "my.toml")
    assert found.search.families == ("encoder", "bag", "linear")
    assert found.search.budget == 90.0
    assert found.years.calibration == ()
    assert found.years.heldout == (2019,)
    assert meta(found) == {
        "kind": "transfer study",
        "arms": ["random", "pretrained", "adapted", "bag", "linear"],
        "baselines": ["bag"],
        "sizes": ["1/16", "1/4", "1"],
        "seeds": 3,
    }


def test_a_smoke_study_is_small(tmp_path: Path) -> None:
    found = smoke(for_study(config(tmp_path, 'baselines = ["bag"]'), "my.toml"))
    assert found.study.sizes == (Fraction(1, 4), Fraction(1))
    assert (found.study.seeds, found.search.trials) == (2, 1)
    assert found.study.budget == found.search.budget == 100.0
    assert found.corpus.synthetic.certificates == 2_000


@pytest.mark.parametrize(
    ("study", "heldout", "error", "said"),
    [
        ("", "", ConfigError, r"years\.heldout must name at least one year.*\(my\.toml\)"),
        ('baselines = ["bagg"]', 'heldout = "2019"', UnknownName, r"study\.baselines must hold .*bag.*'bagg'"),
        ('baselines = ["linear"]', 'heldout = "2019"', ConfigError, "no arm already, but got 'linear'"),
        ('baselines = ["dictionary"]', 'heldout = "2019"', ConfigError, "neural families .* but got 'dictionary'"),
        ('baselines = ["bag", "bag"]', 'heldout = "2019"', ConfigError, "no arm already, but got 'bag'"),
    ],
)
def test_what_is_no_study_is_refused(
    tmp_path: Path, study: str, heldout: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        for_study(config(tmp_path, study, heldout), "my.toml")


@pytest.mark.parametrize(
    ("share", "epochs", "steps", "then_epochs", "then_steps"),
    [
        (1.0, 8, 5, 8, 5),
        (0.25, 8, 5, 16, 10),
        (1 / 16, 8, 5, 32, 20),
        (1 / 64, 8, 5, 32, 20),  # four times at most
        (0.5, 8, 5, 11, 7),
    ],
)
def test_epochs_grow_as_training_shrinks(
    share: float, epochs: int, steps: int, then_epochs: int, then_steps: int
) -> None:
    frozen = {"unit": "line", "epochs": epochs}
    assert on_part("bag", frozen, steps, share) == ({"unit": "line", "epochs": then_epochs}, then_steps)
    assert frozen["epochs"] == epochs


def test_epochs_never_grow_over_what_the_family_allows() -> None:
    found, steps = on_part("bag", {"epochs": 99}, 50, 1 / 16)
    most = found["epochs"]
    assert 99 < most < 4 * 99
    assert steps == round(50 * most / 99)
    frame.part("bag", {"epochs": most})
    with pytest.raises(SpaceError, match="epochs"):
        frame.part("bag", {"epochs": most + 1})


def test_the_familys_own_epochs_grow_where_its_space_does_not_name_them() -> None:
    found, steps = on_part("bag", {}, 4, 0.25)
    own = on_part("bag", {}, 4, 1.0)[0]["epochs"]
    assert (found["epochs"], steps) == (2 * own, 8)


def test_a_family_without_epochs_is_fitted_as_it_is() -> None:
    frozen: dict[str, Any] = {"unit": "line", "cost": 1.0}
    assert on_part("linear", frozen, 1, 1 / 16) == (frozen, None)
