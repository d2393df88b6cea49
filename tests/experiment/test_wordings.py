"""Standard wording: models that write, the nearest known wording, the ceiling; as rows with intervals."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config import Synthetic
from harness.corpus.builder import Builder, RawLine
from harness.corpus.certificate import Corpus, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.synthetic import generate
from harness.corpus.synthetic_wordings import causes
from harness.corpus.synthetic_writing import Plain
from harness.experiment.normalising import Learnt
from harness.experiment.wordings import ceiling, generated_ceilings, nearest, wordings
from harness.families.family import Written
from harness.files import Row
from harness.run.study import CEILING, NEAREST

Line = tuple[str, str, str]  # its text, its codes, their wordings with semicolons between
MEASURES = ("exact_match", "cer", "chrf", "code_f1")
LIST = Knowledge(
    CodeList(
        (
            CodeEntry("A", "arthritis", ("joint inflammation", "swelling")),
            CodeEntry("B", "bronchitis of any kind", ("swelling", "airway inflammation")),
            CodeEntry("Z", "zoster", ("shingles",)),
        )
    )
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
    [("bronch.", "B", "acute bronchitis"), ("bronch. x2", "B", "acute bronchitis"), ("cough", "C", "tussis")],
    [("old bronchitis", "B", "chronic bronchitis"), ("joints", "A", "arthritis")],
)
LEARNT = Learnt.of(TRAIN, LIST)
HELD = corpus(
    [("COUGH", "C", "tussis"), ("bad cough", "C", "tussis")],
    [
        ("joints worn", "A", "arthritis"),
        ("bad cough!", "B", "acute bronchitis"),
        ("bad cough", "B", "acute bronchitis"),
    ],
)


def written(*texts: str) -> Written:
    return Written(np.zeros(len(texts) + 1, np.int64), np.zeros(0, np.int32), strings(texts))


def rows_of(
    fits: dict[str, dict[int, Written]], held: Corpus = HELD, **more: object
) -> dict[tuple[str, str, str], Row]:
    rows = wordings(held, lambda: LEARNT, fits, seed=0, **more)  # type: ignore[arg-type]
    found = {(row["arm"], row["slice"], row["measure"]): row for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("acute bronchitits", "acute bronchitis"),
        ("CHRONIC-BRONCHITIS", "chronic bronchitis"),  # training's wordings answer themselves
        ("airway inflamation", "acute bronchitis"),  # B's synonym answers its commonest wording,
        ("bronchitis of any kind", "acute bronchitis"),  # and so does its title
        ("swellings", "acute bronchitis"),  # stands for A and B, whose answer is the more frequent
        ("joint inflamation", "arthritis"),
        ("shingels", "zoster"),  # training lacks Z: its title
        ("", ""),
        ("?!", ""),
        ("ηηη", ""),
    ],
)
def test_the_nearest_wording(text: str, answer: str) -> None:
    assert nearest(strings([text]), LEARNT).to_pylist() == [answer]


def test_each_line_has_its_own_nearest_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of two texts as in one, and whatever their order."""
    lines = ["acute bronchitits", "", "shingels", "Acute bronchitits!", "tussis", "zoster", "shingels"]
    wanted = ["acute bronchitis", "", "zoster", "acute bronchitis", "tussis", "zoster", "zoster"]
    assert nearest(strings(lines), LEARNT).to_pylist() == wanted
    monkeypatch.setattr("harness.experiment.wordings.ROWS", 2)
    assert nearest(strings(lines[::-1]), LEARNT).to_pylist() == wanted[::-1]


def test_nothing_is_near_where_nothing_is_known() -> None:
    untold = Learnt.of(corpus([("cough", "C", "")], [("", "", "")]), Knowledge())
    assert len(untold.terms) == 0
    assert nearest(strings(["cough", ""]), untold).to_pylist() == ["", ""]
    assert nearest(strings([]), LEARNT).to_pylist() == []


def test_a_ceiling_by_hand() -> None:
    """Of "a" three of four can be right, of "b" one of two, "c" stands once."""
    texts = strings(["a", "A", "a!", "á", "b", "b", "c"])
    said = strings(["x", "X!", "y", "x", "x", "y", ""])
    assert ceiling(said, texts) == (3 + 1 + 1) / 7
    assert ceiling(strings([]), strings([])) is None


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "A.", "b", ""]), st.sampled_from(["x", "X", "y", "z"])), min_size=1))
def test_no_answers_by_text_are_above_the_ceiling_and_some_reach_it(lines: list[tuple[str, str]]) -> None:
    scores = []
    for a, b, nothing in itertools.product("xyz", repeat=3):
        answers = {"a": a, "A.": a, "b": b, "": nothing}
        scores.append(sum(answers[text] == one.lower() for text, one in lines) / len(lines))
    assert max(scores) == ceiling(strings([one for _, one in lines]), strings([text for text, _ in lines]))


def test_the_rows_of_a_case_by_hand() -> None:
    """COUGH was seen; the others are new, and "bad cough" is two things."""
    first = written("tussis", "tussis", "arthritis", "tussis", "acute bronchitis")
    second = written("Tussis!", "arthritis", "arthritis", "arthritis", "arthritis")
    silent = Written(np.zeros(6, np.int64), np.zeros(0, np.int32))
    found = rows_of({"normalise": {1: first, 2: second, 3: silent}, "joint": {1: silent}, "code": {}})
    arms = ("normalise", "joint", "code", NEAREST)
    assert list(found) == [
        *((arm, part, measure) for arm in arms for part in ("all", "unseen") for measure in MEASURES),
        (CEILING, "all", "exact_match"),
        (CEILING, "unseen", "exact_match"),
    ]
    assert {row["n_lines"] for (_, part, _), row in found.items() if part == "all"} == {5}
    assert {row["n_lines"] for (_, part, _), row in found.items() if part == "unseen"} == {4}
    seeds = {row["arm"]: row["n_seeds"] for row in found.values()}
    assert seeds == {"normalise": 2, "joint": 0, "code": 0, NEAREST: 0, CEILING: 0}
    exact = found["normalise", "all", "exact_match"]
    assert exact["value"] == pytest.approx((4 / 5 + 2 / 5) / 2)
    assert exact["low"] < exact["value"] < exact["high"]
    assert found["normalise", "unseen", "exact_match"]["value"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert found["normalise", "unseen", "code_f1"]["value"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    cer = found["normalise", "all", "cer"]
    assert cer["value"] > 0
    assert (cer["low"], cer["high"]) == (None, None)
    for key in [key for key in found if key[0] in ("joint", "code")]:
        assert (found[key]["value"], found[key]["low"], found[key]["high"]) == (None, None, None)
    # "joints worn" is nearest to "joint inflammation", whose answer is arthritis; coughs are near to no cough.
    assert found[NEAREST, "all", "exact_match"]["value"] == 1 / 5
    assert found[CEILING, "all", "exact_match"]["value"] == 4 / 5
    assert found[CEILING, "unseen", "exact_match"]["value"] == 3 / 4
    assert found[CEILING, "unseen", "exact_match"]["low"] is None


def test_what_generated_certificates_leave_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise and writing change no reference; below the ceiling by text, which the many texts of their own flatter."""
    monkeypatch.setattr("harness.experiment.wordings.DRAWN", 600)
    parameters = Synthetic(certificates=300, codes=60, years=3, noise=0.3)
    read = generate(parameters)
    plain, quiet = generate(parameters, Plain()).corpus, generate(parameters.model_copy(update={"noise": 0.0})).corpus
    for other in (plain, quiet):
        assert other.by_line.standard.equals(read.corpus.by_line.standard)  # type: ignore[union-attr]
        assert np.array_equal(other.texts.first_line, read.corpus.texts.first_line)
    assert quiet.texts.lines.equals(read.corpus.texts.lines)
    assert not np.array_equal(quiet.by_line.columns, read.corpus.by_line.columns)  # type: ignore[union-attr]
    learnt = Learnt.of(read.corpus.rows(0, 100), Knowledge(read.code_list))
    found = generated_ceilings(parameters, [2016], learnt)
    last = read.corpus.rows(200, 300)
    by_text = {
        (row["slice"]): row["value"] for row in wordings(last, lambda: learnt, {}, seed=0) if row["arm"] == CEILING
    }
    for part in ("all", "unseen"):
        assert 0.7 < found[part] < by_text[part] <= 1.0  # type: ignore[operator]
    silent = generated_ceilings(parameters, [1999], learnt)
    assert silent == {"all": None, "unseen": None}


def test_wordings_alone_are_written_as_they_are_in_the_table() -> None:
    known = {wording.text.lower() for cause in causes(0, 60) for wording in cause.wordings}
    lines = generate(Synthetic(certificates=100, codes=60, years=2), Plain()).corpus
    assert lines.by_line is not None
    coded = np.diff(lines.by_line.first_code) > 0
    texts = lines.texts.lines.filter(coded).to_pylist()
    assert {part.lower() for text in texts for part in text.split("; ")} <= known


def test_a_nearer_ceiling_takes_the_place_of_that_by_text() -> None:
    found = rows_of({}, ceilings={"unseen": 0.5})
    assert found[CEILING, "unseen", "exact_match"]["value"] == 0.5
    assert found[CEILING, "all", "exact_match"]["value"] == 4 / 5


def test_where_every_line_was_seen_there_is_no_score_of_the_others() -> None:
    found = rows_of({"normalise": {1: written("tussis")}}, corpus([("cough", "C", "tussis")]), ceilings={"unseen": 0.5})
    assert {row["n_lines"] for (_, part, _), row in found.items() if part == "unseen"} == {0}
    assert {row["value"] for (_, part, _), row in found.items() if part == "unseen"} == {None}
    exact = found["normalise", "all", "exact_match"]
    assert (exact["value"], exact["low"], exact["high"]) == (1.0, 1.0, 1.0)


def test_lines_without_a_known_reference_do_not_count() -> None:
    """Nothing has a wording for C but the experts, and here they gave none."""
    held = corpus([("cough", "C", "")], [("cough", "C", "tussis")])
    found = rows_of({"normalise": {1: written("tussis", "arthritis")}}, held)
    assert found["normalise", "all", "exact_match"]["value"] == 0.0
    assert found["normalise", "all", "exact_match"]["n_lines"] == 1


def test_without_codes_by_line_there_are_no_rows() -> None:
    def asked() -> NoReturn:
        raise AssertionError("training must not be read")

    assert wordings(HELD.with_codes(HELD.codes), asked, {"normalise": {1: written("a")}}, seed=0) == []


def test_lines_of_a_certificate_move_together() -> None:
    """Twenty certificates whose lines are all right or all wrong vary as twenty draws, not as two hundred."""
    lines = [("cough", "C", "tussis")] * 10
    held = corpus(*[lines] * 20)
    apart = corpus(*[[line] for line in lines] * 20)
    texts = written(*(["tussis"] * 100 + ["arthritis"] * 100))
    found = rows_of({"normalise": {1: texts}}, held)["normalise", "all", "exact_match"]
    alone = rows_of({"normalise": {1: texts}}, apart)["normalise", "all", "exact_match"]
    assert found["value"] == alone["value"] == 0.5
    width, narrow = found["high"] - found["low"], alone["high"] - alone["low"]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 20), abs=0.06)
    assert narrow == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 200), abs=0.03)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_what_holds_of_any_fits(data: st.DataObject) -> None:
    texts = st.sampled_from(["cough", "bad cough", "new", "other"])
    line = st.tuples(texts, st.just("C"), st.sampled_from(["tussis", "coughing"]))
    held = corpus(*data.draw(st.lists(st.lists(line, min_size=1, max_size=3), min_size=1, max_size=8)))
    n = len(held.texts.lines)
    answers = st.lists(st.sampled_from(["tussis", "coughing", ""]), min_size=n, max_size=n)
    fits = {seed: written(*data.draw(answers)) for seed in range(data.draw(st.integers(1, 3)))}
    by_text = dict(zip(held.texts.lines.to_pylist(), data.draw(answers), strict=True))
    steady = written(*(by_text[text] for text in held.texts.lines.to_pylist()))
    found = rows_of({"normalise": fits, "steady": {0: steady}}, held, draws=200)
    for part in ("all", "unseen"):
        for arm in ("normalise", "steady", NEAREST):
            row = found[arm, part, "exact_match"]
            if row["n_lines"]:
                assert 0 <= row["low"] <= row["value"] + 1e-9
                assert row["value"] - 1e-9 <= row["high"] <= 1
            else:
                assert row["value"] is row["low"] is row["high"] is None
        most = found[CEILING, part, "exact_match"]["value"]
        if most is not None:
            assert max(found[arm, part, "exact_match"]["value"] for arm in ("steady", NEAREST)) <= most


def test_rows_hold_no_text() -> None:
    secret = corpus([("Mrs Smith's cough", "C", "secret tussis")])
    rows = wordings(secret, lambda: LEARNT, {"normalise": {1: written("whispered tussis")}}, seed=0)
    said = json.dumps(rows)  # rows are plain values
    assert not any(word in said.lower() for word in ("smith", "cough", "tussis", "secret", "whisper"))
    assert {type(value) for row in rows for value in row.values()} <= {str, int, float, type(None)}
    assert {row["measure"] for row in rows} == set(MEASURES)


def test_the_same_seed_gives_the_same_rows() -> None:
    fits = {"normalise": {1: written("tussis", "", "", "", "acute bronchitis"), 2: written("tussis", "", "", "", "")}}
    assert rows_of(fits) == rows_of(fits)
