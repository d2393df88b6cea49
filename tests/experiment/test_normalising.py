"""What a model that writes made of lines, through its frame and its rule, as columns of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from writing import Entry, scribe

from harness.corpus.builder import Builder, RawLine
from harness.corpus.certificate import Corpus, LabelSet, LineCodes, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice
from harness.decision.rule import Candidate, DecisionRule, Decisions, UnitRule, decide, predict
from harness.decision.textgate import TextGate
from harness.experiment.normalising import NO_TEXT, Learnt, normalised, references
from harness.experiment.score import score_stage
from harness.experiment.scoring import NOT_BY_LINE, WHOLE, Said
from harness.families.examples import Unit
from harness.files import Row, write_json
from harness.metrics.text import NO_LINE
from harness.run.folder import RunFolder

Line = tuple[str, str, str]  # its text, its codes, their wordings with semicolons between
NAMES = tuple(
    f"normalised_{name}{part}" for part in ("", "_unseen") for name in ("exact_match", "cer", "chrf", "code_f1")
)
LIST = Knowledge(
    CodeList((CodeEntry("A", "arthritis"), CodeEntry("C", "cough", ("tussis",)), CodeEntry("Z", "zoster")))
)


def corpus(*certificates: Sequence[Line]) -> Corpus:
    """Certificates with the standard wording of each line's codes; all have the codes A to C."""
    builder = Builder(("test.csv",), codes_by_line=True, has_standard=True)
    every = (("", "ABC", ";;"),)  # so that all have one label set
    for number, lines in enumerate((every, *certificates)):
        raw = [
            RawLine(text, codes=tuple(codes), standard=said.split(";") if codes else ()) for text, codes, said in lines
        ]
        builder.add(str(number), 2018, raw, place=(0, number))
    return builder.finish().corpus.rows(1, len(certificates) + 1)


TRAIN = corpus(
    [("bronchitis", "B", "acute bronchitis"), ("bad cough", "C", "")],
    [("bronchitis!", "B", "acute bronchitis"), ("chest", "A", "acute bronchitis")],
)
LATER = corpus(
    [("BRONCHITIS", "B", "Acute bronchitis"), ("joint pain, coughs", "AC", ";coughing")],
    [("nothing", "", "")],
)
UNIT = UnitRule("product")
RULE = DecisionRule(0.5, UNIT, TextGate.learnt([TRAIN.texts], Knowledge()), UNIT)
SAID = {
    "BRONCHITIS": Entry({"B": 0.9}, ("B",), "acute bronchitis"),
    "joint pain, coughs": Entry({"A": 0.9, "C": 0.9}, ("A", "C"), "arthritis; tussis"),
    "nothing": Entry({}, (), ""),
}


def decisions(texts: Corpus, table: Mapping[str, Entry], unit: Unit = "line", *, words: bool = True) -> Decisions:
    return predict(Candidate(scribe("ABC", table, unit, words=words), RULE), texts.texts)


def row(reference: Corpus, said: Decisions, knowledge: Knowledge = LIST) -> Row:
    return normalised(reference, said.written, said.lines is not None, lambda: Learnt.of(TRAIN, knowledge))


def test_a_case_by_hand() -> None:
    """The wordings are "Acute bronchitis", "arthritis; coughing" and nothing at all; one word is another."""
    found = row(LATER, decisions(LATER, SAID))
    assert found["normalised_exact_match"] == 2 / 3
    assert found["normalised_cer"] == pytest.approx(6 / (16 + 18))  # coughing becomes tussis
    assert 0 < found["normalised_chrf"] < 100
    assert found["normalised_code_f1"] == 1.0  # as the list has tussis for C, and bronchitis is B more often than A
    assert found["n_unseen_lines"] == 2  # BRONCHITIS was seen in small letters
    assert found["normalised_exact_match_unseen"] == 1 / 2
    assert found["normalised_cer_unseen"] == pytest.approx(6 / 18)
    assert found["normalised_code_f1_unseen"] == 1.0
    assert (found["normalised_reason"], found["normalised_reason_unseen"]) == (None, None)
    assert set(found) == {*NAMES, "n_unseen_lines", "normalised_reason", "normalised_reason_unseen"}


def test_a_code_of_the_list_that_the_certificates_lack_counts_as_wrong() -> None:
    said = decisions(LATER, SAID | {"nothing": Entry({}, (), "zoster")})
    found = row(LATER, said)
    assert found["normalised_code_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1))
    assert found["normalised_exact_match"] == 1 / 3
    assert row(LATER, said, Knowledge(CodeList(LIST.code_list.entries[:2])))["normalised_code_f1"] == 1.0  # type: ignore[union-attr]


def test_lines_without_a_known_reference_are_left_out() -> None:
    """Without a list A has no wording here."""
    found = row(LATER, decisions(LATER, SAID), Knowledge())
    assert (found["normalised_exact_match"], found["normalised_cer"]) == (1.0, 0.0)
    assert found["n_unseen_lines"] == 1
    only = corpus([("joint pain", "A", "")])
    found = row(only, decisions(only, SAID), Knowledge())
    assert [found[name] for name in NAMES] == [None] * len(NAMES)
    assert (found["normalised_reason"], found["n_unseen_lines"]) == (NO_LINE, 0)


def test_where_every_line_was_seen_the_reason_is_of_those_alone() -> None:
    found = row(TRAIN, decisions(TRAIN, SAID))
    assert (found["n_unseen_lines"], found["normalised_exact_match_unseen"]) == (0, None)
    assert (found["normalised_reason"], found["normalised_reason_unseen"]) == (None, NO_LINE)
    assert found["normalised_exact_match"] == 0.0


UNWRITTEN = Decisions(LATER.codes, np.zeros(2), np.ones(2, bool), np.zeros(2, np.int8), labels=LATER.labels)


@pytest.mark.parametrize(
    ("reference", "said", "reason"),
    [
        (LATER, decisions(LATER, SAID, words=False), NO_TEXT),
        (LATER, UNWRITTEN, NO_TEXT),
        (LATER, decisions(LATER, SAID, "certificate"), WHOLE),
        (LATER.with_codes(LATER.codes), decisions(LATER, SAID), NOT_BY_LINE),
    ],
)
def test_what_has_no_such_score_says_why_and_costs_nothing(reference: Corpus, said: Decisions, reason: str) -> None:
    def asked() -> NoReturn:
        raise AssertionError("training must not be read")

    found = normalised(reference, said.written, said.lines is not None, asked)
    assert [found[name] for name in (*NAMES, "n_unseen_lines")] == [None] * (len(NAMES) + 1)
    assert (found["normalised_reason"], found["normalised_reason_unseen"]) == (reason, reason)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "", "x", "y z"])), max_size=4), max_size=5)
)
def test_the_reference_of_a_line(lines: list[list[tuple[int, str | None]]]) -> None:
    """By a loop over lines and codes."""
    labels, title = LabelSet(("A", "C", "D", "Z")), {0: "arthritis", 1: "cough", 3: "zoster"}
    entries = [entry for line in lines for entry in line]
    given_codes = LineCodes(
        np.cumsum([0, *map(len, lines)], dtype=np.int64),
        np.array([column for column, _ in entries], dtype=np.int32),
        strings([wording for _, wording in entries]),
    )
    text, known = references(given_codes, labels, LIST)
    wanted = []
    for line in lines:
        first: dict[int, str | None] = {}
        for column, wording in line:
            first.setdefault(column, wording or title.get(column))
        wanted.append(list(first.values()))
    assert known.tolist() == [None not in said for said in wanted]
    found = text.filter(known).to_pylist()
    assert found == ["; ".join(map(str, said)) for said in wanted if None not in said]


def test_a_run_of_certificates_has_its_own_lines() -> None:
    said = decisions(LATER, SAID)
    predictions = scribe("ABC", SAID).predict(LATER.texts)
    for start, stop in ((0, 1), (1, 2), (0, 2), (1, 1)):
        part = Said(predictions, said, UNIT, UNIT).rows(LATER.texts, start, stop).decisions
        reference = LATER.rows(start, stop)
        alone = decisions(reference, SAID)
        assert part.written is not None
        assert alone.written is not None
        assert part.written.text.equals(alone.written.text)  # type: ignore[union-attr]
        assert part.written.first.tolist() == alone.written.first.tolist()
        assert part.written.columns.tolist() == alone.written.columns.tolist()
        assert row(reference, part) == row(reference, alone)


def test_whole_certificates_of_a_run_of_certificates() -> None:
    table = {"nothing": Entry({"A": 0.9}, ("A",), "arthritis")}
    said = decisions(LATER, table, "certificate")
    predictions = scribe("ABC", table, "certificate").predict(LATER.texts)
    part = Said(predictions, said, UNIT, UNIT).rows(LATER.texts, 1, 2).decisions.written
    assert part is not None
    assert part.text is not None
    assert (part.first.tolist(), part.columns.tolist(), part.text.to_pylist()) == ([0, 1], [0], ["arthritis"])


def test_rows_of_the_stage_are_held_against_the_fit_behind_them(tmp_path: Path) -> None:
    """Validation's rows come from a fit on train alone, calibration's from one that had validation too."""
    run = RunFolder(tmp_path / "run")
    roles = {"train": Slice(0, 2), "validation": Slice(2, 4), "calibration": Slice(4, 6)}
    whole = corpus(
        [("bronchitis", "B", "acute bronchitis"), ("bad cough", "C", "")],
        [("bronchitis!", "B", "acute bronchitis"), ("chest", "A", "acute bronchitis")],
        *[[("BRONCHITIS", "B", "Acute bronchitis"), ("joint pain, coughs", "AC", ";coughing")], [("nothing", "", "")]]
        * 2,
    )

    def part(*rows: Slice) -> Corpus:
        return whole.rows(rows[0].start, rows[-1].stop)

    model = {"model": "scribe-0", "family": "scribe", "kind": "encoder-decoder", "parameters": {}, "steps": 1}
    silent = model | {"model": "silent-0"}
    for name in ("scribe-0", "silent-0"):
        RULE.save(run.path / "rules" / name)
        RULE.save(run.model(name) / "rule")
        for role in ("validation", "calibration"):
            predictions = scribe("ABC", SAID, words=name == "scribe-0").predict(part(roles[role]).texts)
            run.save_predictions(f"{role}/{name}", predictions)
    shared = ("version", "commit", "libraries", "hardware", "seed")
    write_json(run.path / "run.json", dict.fromkeys(shared))
    write_json(run.path / "corpus.json", {"fingerprint": "f", "roles": {role: {"years": []} for role in roles}})
    work: Any = SimpleNamespace(
        run=run,
        store=SimpleNamespace(roles=roles, years={"validation": {}, "calibration": {}}, corpus=part),
        config=SimpleNamespace(
            years=SimpleNamespace(refit=True),
            search=SimpleNamespace(seed=0, objective="micro_f1"),
            promise=SimpleNamespace(risk=0.02),
            automation=SimpleNamespace(minutes_per_certificate=3.0, minutes_per_line=1.0),
        ),
        said=lambda rule, predictions, role, texts: decide(rule, predictions, texts),
        corpus=lambda role: part(roles[role]),
        known=lambda: LIST,
        models=lambda: [one | {"fit_seconds": 1.0, "reason": None} for one in (model, silent)],
        refitted=lambda: {"scribe-0": {"seconds": 1.0, "bytes": 1}, "silent-0": {"seconds": 1.0, "bytes": 1}},
    )
    score_stage(work)

    rows = {(found["model"], found["role"]): found for found in run.scorecards() if found["unit"] == "certificate"}
    assert len(rows) == 4
    assert len(run.scorecards()) == 8  # and one of its lines for each
    before, after = rows["scribe-0", "validation"], rows["scribe-0", "calibration"]
    said = decide(RULE, run.predictions("validation/scribe-0"), LATER.texts)
    assert {name: before[name] for name in row(LATER, said)} == row(LATER, said)
    assert (before["n_unseen_lines"], after["n_unseen_lines"]) == (2, 0)
    assert before["normalised_exact_match"] == after["normalised_exact_match"] == 2 / 3
    assert after["normalised_reason_unseen"] == NO_LINE
    for role in ("validation", "calibration"):
        assert rows["silent-0", role]["normalised_reason"] == NO_TEXT
