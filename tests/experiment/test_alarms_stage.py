"""The stage alarms on a run with one dictionary, whose words and practice change in the last year."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from certificates import Line, read_by_line
from fits_here import DICTIONARY, here, row_of
from scipy.sparse import csr_array

from harness.config import RunConfig
from harness.corpus import store
from harness.corpus.certificate import Corpus
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.years import assign
from harness.decision.drift import STATISTICS
from harness.decision.rule import DecisionRule, UnitRule, decide
from harness.decision.textgate import TextGate
from harness.experiment.alarms import UNSAID, alarms_stage, words_rows
from harness.experiment.watching import references_of, watch_stage
from harness.experiment.work import Work
from harness.families import frame
from harness.families.family import Context
from harness.files import Row
from harness.production.predict import RATE
from harness.run.folder import RunFolder

WORDS = STATISTICS["words"]
CODES_LIST = CodeList((CodeEntry("A", "flu"), CodeEntry("B", "burn"), CodeEntry("C", "fall")))
ROLES: Row = {"train": "2006-2014", "validation": "2015", "calibration": "2016", "heldout": "2017-2018"}
NAME = "dictionary-0"


def certificates(year: int, n: int = 180) -> list[tuple[int, list[Line]]]:
    """A third each of three causes; in 2018 most of the burns get another code, and all have an unseen word."""
    rng = np.random.default_rng(year)
    found: list[tuple[int, list[Line]]] = []
    for number in range(n):
        word, code = (("flu", "A"), ("burn", "B"), ("fall", "C"))[number % 3]
        if code == "B" and rng.random() < (0.7 if year == 2018 else 0.25):
            code = "C"
        more = f"zwar{''.join(rng.choice(list('abcdefghij'), 6))}" if rng.random() < 0.15 or year == 2018 else "acute"
        found.append((year, [(f"{more} {word}", [code])]))
    return found


def scored(folder: Path, years: Row = ROLES) -> Work:
    """A run as the stage watch leaves it, with one dictionary that predicted calibration and held-out years."""
    read = read_by_line(*(one for year in range(2006, 2019) for one in certificates(year)))
    config = RunConfig.model_validate({"corpus": {"format": "synthetic"}, "years": years})
    home = folder / "cache" / "store"
    built = store.build(read, assign(read, config.years), home)
    knowledge = store.keep_knowledge(Knowledge(CODES_LIST), home)
    run = RunFolder(folder / "run")
    work = Work(run, config, {}, built, knowledge, here(folder), lambda line: None)
    fitted_on = work.store.corpus(*(built.roles[role] for role in work.fit_roles()))
    model = frame.fit("dictionary", fitted_on, None, Knowledge(CODES_LIST), DICTIONARY, Context())
    run.write_stage("decide", {"models": [row_of(NAME, "dictionary", DICTIONARY, witnesses=[])]})
    run.write_stage("refit", {"models": {NAME: {}}})
    gate = TextGate.learnt([fitted_on.texts], Knowledge(CODES_LIST))
    DecisionRule(0.3, UnitRule("product"), gate, UnitRule("product")).save(run.model(NAME) / "rule")
    for role in ("calibration", "heldout"):
        if role in built.roles:
            run.save_predictions(f"{role}/{NAME}", model.predict(work.corpus(role).texts))
    watch_stage(work)
    return work


@pytest.fixture(scope="module")
def run_2018(tmp_path_factory: pytest.TempPathFactory) -> Work:
    work = scored(tmp_path_factory.mktemp("alarms"))
    alarms_stage(work)
    return work


def test_a_year_whose_words_and_practice_changed_rings_and_the_other_does_not(run_2018: Work) -> None:
    rows = run_2018.run.figure("alarms")
    assert {(row["alarm"], row["year"]) for row in rows} == {
        (a, y) for a in ("words", "practice") for y in (2017, 2018)
    }
    ringing = {(row["alarm"], row["year"], row["measure"], row["code"]) for row in rows if row["rings"]}
    assert {(alarm, year) for alarm, year, _, _ in ringing} == {("words", 2018), ("practice", 2018)}
    assert ("words", 2018, WORDS, None) in ringing
    assert ("practice", 2018, "its own words", "B") in ringing
    burn = next(row for row in rows if row["code"] == "B" and row["year"] == 2018)
    assert burn["title"] == "burn"
    assert burn["n"] == 60
    stage = run_2018.run.stage("alarms")
    assert stage == {"rows": len(rows), "models": [NAME], "rate": RATE}


def test_words_are_those_of_predict_on_a_batch_of_the_year(run_2018: Work) -> None:
    """Each year's certificates by themselves, decided once more."""
    run, heldout = run_2018.run, run_2018.corpus("heldout")
    reference, _ = references_of(run, NAME)
    assert reference is not None
    rule, kept = DecisionRule.load(run.model(NAME) / "rule"), run.predictions(f"heldout/{NAME}")
    said = decide(rule, kept, heldout.texts)
    for year in (2017, 2018):
        mine = np.flatnonzero(heldout.texts.years == year)
        looked = rule.gate.look(heldout.texts.take(mine)).certificates(heldout.texts.take(mine).first_line)
        found = reference.summary(
            year, looked.unseen_words, looked.unseen_text, said.confidence[mine], csr_array(said.codes[mine])
        )
        rows = [row for row in run.figure("alarms") if (row["alarm"], row["year"]) == ("words", year)]
        assert rows == [{key: row[key] for key in rows[0]} for row in words_rows(NAME, reference, found)]


def test_practice_is_of_all_certificates_of_the_year(run_2018: Work) -> None:
    heldout = run_2018.corpus("heldout")
    mine = heldout.take(np.flatnonzero(heldout.texts.years == 2018))
    burns = [
        ("burn" in text, "B" in codes) for text, codes in zip(mine.texts.whole().to_pylist(), _codes(mine), strict=True)
    ]
    coded = sum(given for held, given in burns if held)
    row = next(row for row in run_2018.run.figure("alarms") if row["code"] == "B" and row["year"] == 2018)
    assert sum(held for held, _ in burns) == 60
    assert row["found"] == coded / 60


def test_a_code_that_is_hidden_for_another_ones_sake_is_not_counted_here_either(tmp_path: Path) -> None:
    work = scored(tmp_path)
    codes: list[Row] = [{"level": "code", "code": "A", "support": 40}, {"level": "code", "code": "B", "support": None}]
    work.run.write_figure("codes", codes)
    alarms_stage(work)
    rows = [row for row in work.run.figure("alarms") if row["code"] == "B"]
    assert any(row["rings"] for row in rows)
    assert {(row["found"], row["expected"], row["n"], row["p_value"], row["reason"]) for row in rows} == {
        (None, None, None, None, UNSAID)
    }


def _codes(corpus: Corpus) -> list[set[str]]:
    first, columns = corpus.codes.indptr, corpus.codes.indices
    return [{corpus.labels.codes[column] for column in columns[a:b]} for a, b in itertools.pairwise(first)]


def test_what_is_done_is_not_done_again(run_2018: Work) -> None:
    path = run_2018.run.path / "figures" / "alarms.parquet"
    before = path.stat().st_mtime_ns
    alarms_stage(run_2018)
    assert path.stat().st_mtime_ns == before


def test_no_text_leaves_the_office(run_2018: Work) -> None:
    said = json.dumps(pq.read_table(run_2018.run.path / "figures" / "alarms.parquet").to_pylist())
    assert "zwar" not in said
    assert "acute" not in said


@pytest.mark.parametrize("missing", ["calibration", "heldout"])
def test_without_calibration_or_heldout_years_there_is_nothing(tmp_path: Path, missing: str) -> None:
    work = scored(tmp_path, {role: years for role, years in ROLES.items() if role != missing})
    alarms_stage(work)
    assert work.run.figure("alarms") == []
    assert work.run.stage("alarms") is None


def test_a_model_that_could_not_predict_held_out_years_has_no_words_alarm(tmp_path: Path) -> None:
    work = scored(tmp_path)
    (work.run.path / "predictions" / "heldout" / f"{NAME}.npz").unlink()
    alarms_stage(work)
    assert {row["alarm"] for row in work.run.figure("alarms")} == {"practice"}
