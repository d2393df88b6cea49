"""What of a run is frozen and moves on, and how it is fitted again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fits_here import DICTIONARY, FINALISTS, FOUR, LINEAR, WITNESSES, Here, here, row_of, work_of

from harness.config import RunConfig, Synthetic
from harness.corpus.synthetic import generate
from harness.decision.objective import objective
from harness.errors import PartlyDone, RunError
from harness.experiment.check import check
from harness.experiment.readings import digest_of
from harness.experiment.rolling import frozen_of, moved, replay_stage
from harness.experiment.work import WITNESS, Work
from harness.files import Row, write_json
from harness.run.folder import FROZEN, RunFolder

# Years ----------------------------------------------------------------------------------------------------------------

ROLES: dict[str, list[int]] = {
    "train": [2012, 2013],
    "validation": [2014],
    "calibration": [2015],
    "heldout": [2016, 2017],
}


def described(folder: Path, roles: dict[str, list[int]]) -> tuple[RunFolder, RunConfig]:
    """A run as its folder tells of it, and its configuration."""
    run = RunFolder(folder / "run")
    write_json(run.path / "corpus.json", {"roles": {role: {"years": years} for role, years in roles.items()}})
    return run, RunConfig.model_validate({"corpus": {"format": "synthetic"}, "years": roles})


@pytest.mark.parametrize(
    ("by", "shift", "years"),
    [
        (None, 2, {"train": (2014, 2015), "validation": (2016,), "calibration": (2017,), "heldout": ()}),
        (1, 1, {"train": (2013, 2014), "validation": (2015,), "calibration": (2016,), "heldout": (2017,)}),
        (2, 2, {"train": (2014, 2015), "validation": (2016,), "calibration": (2017,), "heldout": ()}),
        # the files may have a newer year by now
        (3, 3, {"train": (2015, 2016), "validation": (2017,), "calibration": (2018,), "heldout": ()}),
    ],
)
def test_all_roles_move(tmp_path: Path, by: int | None, shift: int, years: dict[str, tuple[int, ...]]) -> None:
    run, config = described(tmp_path, ROLES)
    found, found_shift = moved(run, config, by)
    assert found_shift == shift
    assert {role: found.years.of(role) for role in years} == years
    assert found.model_copy(update={"years": config.years}) == config


def test_several_calibration_years_stay_several(tmp_path: Path) -> None:
    run, config = described(tmp_path, {**ROLES, "calibration": [2015, 2016], "heldout": [2017, 2018, 2019]})
    found, shift = moved(run, config, None)
    assert (shift, found.years.calibration, found.years.heldout) == (3, (2018, 2019), ())


def test_whether_it_is_fitted_again_stays(tmp_path: Path) -> None:
    run, config = described(tmp_path, ROLES)
    config = config.model_copy(update={"years": config.years.model_copy(update={"refit": False})})
    assert not moved(run, config, None)[0].years.refit


@pytest.mark.parametrize(
    ("roles", "by", "said"),
    [
        (ROLES, 0, "--by must be 1 or more, but got 0"),
        (ROLES, -1, "--by must be 1 or more, but got -1"),
        (
            {key: ROLES[key] for key in ("train", "validation", "heldout")},
            None,
            "needs calibration years to certify on",
        ),
        ({**ROLES, "heldout": []}, None, "those of run end with 2015; --by N names years that its files have by now"),
    ],
)
def test_what_cannot_be_rolled_forward(tmp_path: Path, roles: dict[str, list[int]], by: int | None, said: str) -> None:
    run, config = described(tmp_path, {role: years for role, years in roles.items() if years})
    with pytest.raises(RunError, match=said):
        moved(run, config, by)


def test_roles_by_column_do_not_move(tmp_path: Path) -> None:
    run, _ = described(tmp_path, ROLES)
    raw = {"format": "table", "columns": {"role": "split"}}
    with pytest.raises(RunError, match="needs roles by year, but those of run come from a column"):
        moved(run, RunConfig.model_validate({"corpus": raw}), None)


# What is frozen -------------------------------------------------------------------------------------------------------

STARTED = "2026-01-01T00:00:00+00:00"


def picked(folder: Path, name: str | None) -> tuple[RunFolder, RunConfig]:
    run, config = described(folder, ROLES)
    write_json(run.path / "run.json", {"started": STARTED})
    write_json(run.path / "spaces.json", {})
    run.write_stage(
        "decide", {"models": [{**row, "threshold": 0.3, "score": 0.9} for row in FINALISTS], "witnesses": WITNESSES}
    )
    run.write_pick({"model": name})
    return run, config


def test_the_pick_and_its_witnesses_are_frozen_and_no_threshold(tmp_path: Path) -> None:
    run, config = picked(tmp_path, "linear-0")
    found, frozen = frozen_of(run, config)
    assert (found.search.families, found.search.seeds, found.promise.shortlist) == (("linear",), 1, 1)
    assert frozen == {
        "from": "run",
        "config": digest_of(run, config),
        "began": STARTED,
        "model": row_of("linear-0", "linear", LINEAR),
        "witnesses": [row_of("dictionary-0", "dictionary", DICTIONARY, kind=WITNESS)],
    }


def test_what_was_chosen_by_agreement_can_be_checked_again(tmp_path: Path) -> None:
    """The witness has no witness itself: as a candidate it would be refused."""
    run, config = picked(tmp_path, "linear-0")
    asked = config.automation.model_copy(update={"estimators": ("agreement",)})
    found, frozen = frozen_of(run, config.model_copy(update={"automation": asked}))
    assert frozen["witnesses"]
    assert set(check(found, tmp_path).spaces) == {"linear"}


def test_an_ensemble_keeps_its_weights(tmp_path: Path) -> None:
    found, frozen = frozen_of(*picked(tmp_path, "ensemble"))
    assert frozen["model"]["parameters"] == {"dictionary-0": 0.75, "linear-0": 0.25}
    assert frozen["model"]["members"] == FINALISTS[2]["members"]
    assert found.search.families == ("dictionary", "linear")


@pytest.mark.parametrize("name", [None, "linear-0"])
def test_without_a_pick_nothing_is_rolled_forward(tmp_path: Path, name: str | None) -> None:
    run, config = picked(tmp_path, name)
    if name is not None:
        (run.path / "pick.json").unlink()
    with pytest.raises(RunError, match="needs a pick, but run has none"):
        frozen_of(run, config)


def test_what_was_rolled_forward_twice_was_chosen_by_the_first_run(tmp_path: Path) -> None:
    run, config = picked(tmp_path, "linear-0")
    first, frozen = frozen_of(run, config)
    again, later = picked(tmp_path / "again", "linear-0")
    again.write_stage(FROZEN, {**frozen, "began": "2025-01-01T00:00:00+00:00"})
    _, found = frozen_of(again, first)
    assert digest_of(run, first) != digest_of(run, later)
    assert (found["config"], found["began"]) == (digest_of(run, config), "2025-01-01T00:00:00+00:00")


# Fitting it again -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few() -> Any:
    return generate(Synthetic(certificates=240, codes=20, first_year=2015, years=4))


def frozen_work(read: Any, folder: Path, witness: Row, **more: int) -> Work:
    work = work_of(read, folder, FOUR, cluster=here(folder, **more))
    work.run.write_stage(FROZEN, {"from": "old", "config": "c1", "model": FINALISTS[2], "witnesses": [witness]})
    return work


@pytest.mark.parametrize("shared", [False, True])
def test_members_and_witnesses_are_fitted_once_and_their_predictions_kept(
    few: Any, tmp_path: Path, shared: bool
) -> None:
    """Where the witness is a member, too, it costs no second fit, and its time counts as the member's."""
    witness = {**FINALISTS[0], "kind": WITNESS} if shared else WITNESSES[0]
    work = frozen_work(few, tmp_path, witness)
    replay_stage(work)
    assert isinstance(work.cluster, Here)
    assert [spec.family for spec in work.cluster.fits] == ["dictionary", "linear"] + ([] if shared else ["linear"])
    assert {spec.train for spec in work.cluster.fits} == {(work.store.roles["train"],)}
    frozen = work.run.stage(FROZEN) or {}
    model = frozen["model"]
    assert model["parameters"] == FINALISTS[2]["parameters"]
    seconds = [member["fit_seconds"] for member in model["members"]]
    assert min(seconds) > 0
    assert model["fit_seconds"] == pytest.approx(sum(seconds), abs=0.002)
    assert frozen["witnesses"][0]["fit_seconds"] > 0
    validation = work.store.corpus(work.store.roles["validation"])
    kept = work.run.predictions("validation/ensemble")
    assert model["score"] == objective("micro_f1", validation, kept).score
    assert work.run.has_predictions(f"validation/{witness['model']}")
    idle = replace(work, cluster=here(tmp_path))
    replay_stage(idle)
    assert isinstance(idle.cluster, Here)
    assert idle.cluster.fits == []


def test_what_cannot_be_fitted_again_ends_the_run_and_is_tried_again(few: Any, tmp_path: Path) -> None:
    work = frozen_work(few, tmp_path, WITNESSES[0], fails_at=1)
    with pytest.raises(PartlyDone, match=r"^linear-0: ValueError at harness/x.py:3; the page of run shows why$"):
        replay_stage(work)
    assert "done" not in (work.run.stage(FROZEN) or {})
    replay_stage(replace(work, cluster=here(tmp_path)))
    assert (work.run.stage(FROZEN) or {})["done"]


def test_a_run_that_was_searched_has_nothing_to_fit_again(few: Any, tmp_path: Path) -> None:
    work = work_of(few, tmp_path, FOUR)
    replay_stage(work)
    assert isinstance(work.cluster, Here)
    assert work.cluster.fits == []
