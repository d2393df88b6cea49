"""The stage watch on a tiny corpus, without any fit of a search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from certificates import Roles

from harness.config import RunConfig, YearsConfig
from harness.corpus import store
from harness.corpus.knowledge import Knowledge
from harness.corpus.years import assign
from harness.decision.drift import words_alarm
from harness.decision.practice import count
from harness.decision.rule import DecisionRule, UnitRule, decide
from harness.decision.textgate import TextGate
from harness.experiment.watching import AHEAD, references_of, watch_stage
from harness.experiment.work import Work
from harness.families import frame
from harness.families.family import Context
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster

NAME = "dictionary-0"
PARTS = {"train": (2012, 2013, 2014), "validation": (2015,), "calibration": (2016,)}


def certified(folder: Path, roles: Roles, *, refit: bool = True, calibration: bool = True) -> Work:
    """A run with one certified dictionary and a floor, as the stage certify leaves it."""
    parts = {role: years for role, years in PARTS.items() if calibration or role != "calibration"}
    built = store.build(roles.read, assign(roles.read, YearsConfig(**parts)), folder / "cache" / "store")
    years = {role: list(of_role) for role, of_role in parts.items()}
    config = RunConfig.model_validate({"corpus": {"format": "synthetic"}, "years": {**years, "refit": refit}})
    run = RunFolder(folder / "run")
    work = Work(run, config, {}, built, "", Cluster(1, 0.0, folder), lambda line: None)
    train = roles.train
    model = frame.fit("dictionary", train, None, Knowledge(), {"unit": "line"}, Context())
    gate = TextGate.learnt([work.store.corpus(*(built.roles[role] for role in work.fit_roles())).texts], Knowledge())
    models = [{"model": NAME, "family": "dictionary", "kind": "baseline", "witnesses": []}]
    models.append({"model": "floor-nothing", "family": "nothing", "kind": "floor", "witnesses": []})
    run.write_stage("decide", {"models": models})
    run.write_stage("refit", {"models": {NAME: {}, "floor-nothing": {}}})
    DecisionRule(0.3, UnitRule("product"), gate, UnitRule("product")).save(run.model(NAME) / "rule")
    if calibration:
        run.save_predictions(f"calibration/{NAME}", model.predict(work.corpus("calibration").texts))
    return work


def test_calibration_is_counted_as_its_certificates_are(tiny_roles: Roles, tmp_path: Path) -> None:
    """By decisions and gate once more; a floor is not watched."""
    work = certified(tmp_path, tiny_roles)
    watch_stage(work)
    assert work.run.stage("watch") == {"pairs": 6, "models": [NAME]}  # 2013 to 2014, 2015, 2016; and so on
    assert not (work.run.model("floor-nothing") / "drift.json").exists()
    drift, practice = references_of(work.run, NAME)
    assert drift is not None
    assert practice is not None
    calibration = work.corpus("calibration")
    rule = DecisionRule.load(work.run.model(NAME) / "rule")
    said = decide(rule, work.run.predictions(f"calibration/{NAME}"), calibration.texts)
    found = drift.calibration
    assert (found.year, found.n) == (2016, len(calibration))
    assert found.unseen_words == int(rule.gate.words.stops(calibration.texts).sum())
    assert found.unseen_words > 0
    assert found.codes is not None
    assert found.codes.tolist() == said.codes.toarray().sum(axis=0).tolist()
    assert drift.labels == said.labels
    assert found.confidence is not None
    assert found.confidence.sum() == len(calibration)
    again = drift.summary(2016, np.zeros(60), np.zeros(60), said.confidence, said.codes)
    assert again.confidence is not None
    assert again.confidence.tolist() == found.confidence.tolist()
    assert words_alarm(drift, again).n == 60


@pytest.mark.parametrize(("refit", "after_fit"), [(True, 1), (False, 2)])
def test_pairs_of_past_years_stand_as_calibration_stands_to_the_fit(
    tiny_roles: Roles, tmp_path: Path, refit: bool, after_fit: int
) -> None:
    """Without a refit, validation lies between the words that are known and calibration."""
    work = certified(tmp_path, tiny_roles, refit=refit)
    watch_stage(work)
    drift, _ = references_of(work.run, NAME)
    assert drift is not None
    there = [year for years in PARTS.values() for year in years]
    assert {(pair.before.year, pair.after.year) for pair in drift.pairs} == {
        (before, before + ahead) for before in there[after_fit:] for ahead in AHEAD if before + ahead in there
    }


def test_practice_is_counted_of_four_years_that_never_changed_a_choice(tiny_roles: Roles, tmp_path: Path) -> None:
    work = certified(tmp_path, tiny_roles)
    watch_stage(work)
    _, practice = references_of(work.run, NAME)
    assert practice is not None
    assert [year.year for year in practice.years] == [2013, 2014, 2015, 2016]
    for role, years in PARTS.items():
        corpus = work.corpus(role)
        for counted in practice.years:
            if counted.year in years:
                mine = corpus.take(np.flatnonzero(corpus.texts.years == counted.year))
                own = count(practice.watch, mine.texts, mine.labels, mine.codes, counted.year)
                assert counted.n == own.n
                assert counted.holders.tolist() == own.holders.tolist()
                assert counted.coded.tolist() == own.coded.tolist()
    before = (work.run.model(NAME) / "drift.json").read_bytes()
    DecisionRule.load(work.run.model(NAME) / "rule").save(tmp_path / "rule")
    watch_stage(work)  # what is done is not done again
    assert (work.run.model(NAME) / "drift.json").read_bytes() == before


def test_without_calibration_years_there_is_nothing_to_compare_with(tiny_roles: Roles, tmp_path: Path) -> None:
    work = certified(tmp_path, tiny_roles, calibration=False)
    watch_stage(work)
    assert work.run.stage("watch") is None
    assert references_of(work.run, NAME) == (None, None)
