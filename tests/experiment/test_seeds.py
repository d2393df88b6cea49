"""The stage seeds on a tiny corpus, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from certificates import YEARS, Roles

from harness.config import RunConfig, YearsConfig
from harness.corpus import store
from harness.corpus.years import assign
from harness.errors import place
from harness.experiment.seeds import seeds_stage
from harness.experiment.work import Work
from harness.families.linear import Linear
from harness.files import Row
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster
from harness.search.worker import Failure, FitResult, FitSpec, PredictResult, PredictSpec, Report, run_fit, run_predict

BAG = {"unit": "line", "epochs": 4, "width": 16, "buckets_log2": 10}
DICTIONARY = {"unit": "line"}


class Here(Cluster):
    """The same fits and predictions, in this process."""

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        return [_guarded(spec) for spec in specs]

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        return [run_predict(spec) for spec in specs]


def _guarded(spec: FitSpec) -> FitResult | Failure:
    try:
        return run_fit(spec)
    except ValueError as error:
        return Failure(place(error))


def decided(folder: Path, roles: Roles, seeds: int) -> Work:
    """A run of a bag that ended after two of its four epochs, a dictionary, a linear model, an ensemble and a floor."""
    years = YearsConfig(**YEARS)
    built = store.build(roles.read, assign(roles.read, years), folder / "cache" / "store")
    raw = {"corpus": {"format": "synthetic"}, "years": {"train": "2012-2014", "validation": "2015"}}
    config = RunConfig.model_validate({**raw, "search": {"seeds": seeds, "seed": 7}})
    run = RunFolder(folder / "run")
    models: list[Row] = []
    for family, parameters, steps in (("bag", BAG, 2), ("dictionary", DICTIONARY, 1), ("linear", DICTIONARY, 1)):
        reports: list[Report] = []
        train, validation = (built.roles["train"],), (built.roles["validation"],)
        run_fit(FitSpec(family, parameters, str(built.path), train, validation, seed=7, steps=steps), reports.append)
        run.save_predictions(f"validation/{family}-0", reports[-1].predictions)
        models.append(
            {"model": f"{family}-0", "family": family, "kind": "baseline", "parameters": parameters, "steps": steps}
        )
        models[-1] |= {"fit_seconds": 1.5, "score": reports[-1].score}
    models += [{"model": kind, "family": kind, "kind": kind} for kind in ("ensemble", "floor")]
    run.write_stage("decide", {"models": models})
    return Work(run, config, {}, built, "", Here(1, 0.0, folder), lambda line: None)


def test_each_finalist_with_each_seed_and_the_candidate_among_them(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = decided(tmp_path, tiny_roles, 3)

    def fail(*given: object, **more: object) -> None:
        raise ValueError("the text of a certificate")

    monkeypatch.setattr(Linear, "fit", fail)
    seeds_stage(work)
    rows = {(row["model"], row["seed"]): row for row in work.run.figure("seeds")}
    assert set(rows) == {(model, seed) for model in ("bag-0", "dictionary-0", "linear-0") for seed in (7, 8, 9)}
    for model in work.models()[:3]:
        own = rows[model["model"], 7]
        assert own["candidate"]
        assert (own["score"], own["seconds"], own["reason"]) == (model["score"], 1.5, None)
    bag = [rows["bag-0", seed]["score"] for seed in (7, 8, 9)]
    assert len(set(bag)) == 3
    assert len({rows["dictionary-0", seed]["score"] for seed in (7, 8, 9)}) == 1
    for seed in (8, 9):
        assert not rows["bag-0", seed]["candidate"]
        assert rows["bag-0", seed]["micro_f1"] == pytest.approx(rows["bag-0", seed]["score"])
        assert 0.0 < rows["bag-0", seed]["exact_match"] < 1.0
        assert rows["linear-0", seed]["score"] is None
        assert rows["linear-0", seed]["reason"].startswith("ValueError at ")
        assert "certificate" not in rows["linear-0", seed]["reason"]


def test_a_killed_run_goes_on_with_the_next_seed(
    tiny_roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = decided(tmp_path, tiny_roles, 3)
    fitted: list[FitSpec] = []
    killed = [9]

    def fit(self: Here, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        if specs[0].seed in killed:
            raise KeyboardInterrupt
        fitted.extend(specs)
        return [_guarded(spec) for spec in specs]

    monkeypatch.setattr(Here, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        seeds_stage(work)
    assert work.run.figure("seeds") == []
    killed.clear()
    seeds_stage(work)
    assert [spec.seed for spec in fitted] == [8, 8, 8, 9, 9, 9]
    assert fitted[0].steps == 2  # of the bag, frozen
    assert fitted[0].train == (work.store.roles["train"],)
    assert len(work.run.figure("seeds")) == 9
    seeds_stage(work)
    assert len(fitted) == 6


def test_one_seed_is_the_candidate_alone(tiny_roles: Roles, tmp_path: Path) -> None:
    work = decided(tmp_path, tiny_roles, 1)
    seeds_stage(work)
    assert work.run.stage("seeds") is None
    assert work.run.figure("seeds") == []


def test_exact_match_and_f1_are_those_of_the_threshold(tiny_roles: Roles, tmp_path: Path) -> None:
    work = decided(tmp_path, tiny_roles, 2)
    seeds_stage(work)
    row = next(row for row in work.run.figure("seeds") if row["model"] == "bag-0" and row["candidate"])
    validation, predictions = work.corpus("validation"), work.run.predictions("validation/bag-0")
    chosen = (predictions.over(validation.labels).toarray() >= row["threshold"]).astype(int)
    true = validation.codes.toarray()
    assert row["exact_match"] == pytest.approx(float((chosen == true).all(axis=1).mean()))
    assert row["micro_f1"] == pytest.approx(2 * (chosen * true).sum() / (chosen.sum() + true.sum()))
