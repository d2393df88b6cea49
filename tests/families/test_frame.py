from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from certificates import Line, by_certificate, by_line
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from writing import Entry, Scribe, scribe

from harness.corpus.certificate import Corpus, LabelSet, Texts
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.errors import CorpusError, SpaceError
from harness.families import FAMILIES, frame
from harness.families.examples import FrameParameters, Unit, distinct, examples
from harness.families.family import Context, Examples, Parameters, Predictions, SequenceParameters, Units, Written

CODES = ("A", "B", "C", "D")
WORDS = ("", "flu", "Flu", "cough", "flu cough", "fièvre")


@dataclass
class Seen:
    """What the probe family was shown, call by call."""

    train: Examples | None = None
    validation: Units | None = None
    predicted: list[list[str]] = field(default_factory=list)


SEEN = Seen()


def score(text: str, code: str) -> float:
    """A score that depends on the text and the code alone; about half of them are left out."""
    value = zlib.crc32(f"{text}|{code}".encode()) / 2**32
    return value if value > 0.5 else 0.0


class ProbeParameters(Parameters):
    size: int = 3


@dataclass
class ProbeModel:
    labels: LabelSet

    @property
    def steps(self) -> int:
        return 1

    def predict(self, units: Units) -> csr_array:
        texts = units.text.to_pylist()
        SEEN.predicted.append(texts)
        dense = [[score(text, code) for code in self.labels.codes] for text in texts]
        return csr_array(np.array(dense, dtype=np.float32).reshape(len(texts), len(self.labels)))

    def save(self, folder: Path) -> None:
        (folder / "probe.json").write_text(json.dumps(self.labels.codes))


class Probe:
    """A family without learning, to see what the frame does around it."""

    name: ClassVar[str] = "probe"
    kind: ClassVar[str] = "baseline"
    needs: ClassVar[float] = 0.0
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]] = ProbeParameters

    def fit(
        self, train: Examples, validation: Units | None, knowledge: Knowledge, parameters: Any, context: Context
    ) -> ProbeModel:
        SEEN.train, SEEN.validation = train, validation
        model = ProbeModel(train.labels)
        if validation is not None and context.report is not None:
            context.report(1, model.predict(validation))
        return model

    def load(self, folder: Path, device: str) -> ProbeModel:
        return ProbeModel(LabelSet(tuple(json.loads((folder / "probe.json").read_text()))))

    def most_steps(self, parameters: Any) -> int:
        return 1


@pytest.fixture(autouse=True, scope="module")
def probe() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "probe", f"{__name__}:Probe")
        yield


@pytest.fixture(autouse=True)
def _forget() -> None:
    SEEN.train, SEEN.validation, SEEN.predicted = None, None, []


def fit(corpus: Corpus, unit: str, knowledge: Knowledge | None = None, **more: Any) -> frame.Model:
    return frame.fit("probe", corpus, None, knowledge or Knowledge(), {"unit": unit, **more}, Context())


lines = st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(CODES), unique=True, max_size=3))
certificates = st.lists(st.tuples(st.integers(2010, 2013), st.lists(lines, max_size=3)), min_size=1, max_size=12)


def naive(texts: Texts, unit: str, codes: tuple[str, ...], allowed: Callable[[int, str], bool]) -> Any:
    """The same scores, certificate by certificate and line by line."""
    scores = np.zeros((len(texts), len(codes)))
    for row in range(len(texts)):
        own = texts.lines[int(texts.first_line[row]) : int(texts.first_line[row + 1])].to_pylist()
        written = [line for line in own if line]
        units = written if unit == "line" else ["\n".join(written)] if written else []
        for column, code in enumerate(codes):
            if allowed(int(texts.years[row]), code):
                scores[row, column] = 1.0 - np.prod([1.0 - np.float32(score(text, code)) for text in units])
    return scores


@pytest.mark.parametrize("unit", ["line", "certificate"])
@given(certificates)
def test_equals_the_naive_way(unit: Unit, given: list[tuple[int, list[Line]]]) -> None:
    texts = by_line(*given).texts
    labels = LabelSet(CODES)
    validity = CodeList((CodeEntry("B", valid_from=2012), CodeEntry("C", valid_from=2011, valid_to=2012))).validity(
        labels
    )
    model = frame.Model("probe", unit, {}, labels, validity, ProbeModel(labels))
    with pytest.MonkeyPatch.context() as patch:
        whole = model.predict(texts)
        patch.setattr(frame, "BLOCK", 5)
        in_blocks = model.predict(texts)
    spans = {"A": (0, 9999), "B": (2012, 9999), "C": (2011, 2012), "D": (0, 9999)}
    expected = naive(texts, unit, CODES, lambda year, code: spans[code][0] <= year <= spans[code][1])
    np.testing.assert_allclose(whole.scores.toarray(), expected, rtol=1e-6)
    assert (whole.scores.data > 0.0).all()  # what has no score is not stored
    assert whole.scores.has_sorted_indices
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(whole.scores, part), getattr(in_blocks.scores, part))


@pytest.mark.parametrize("unit", ["line", "certificate"])
@given(certificates)
def test_learns_from_distinct_pairs_with_their_counts(unit: Unit, given: list[tuple[int, list[Line]]]) -> None:
    corpus = by_line(*given)
    expected: Counter[tuple[str, frozenset[str]]] = Counter()
    for _, own in given:
        if unit == "line":
            expected.update((text, frozenset(codes)) for text, codes in own if text)
        elif written := [text for text, _ in own if text]:
            expected["\n".join(written), frozenset(code for _, codes in own for code in codes)] += 1
    occurring = sorted(set().union(*(codes for _, codes in expected)))
    if not occurring:
        with pytest.raises(CorpusError, match="at least one certificate with a text and a code"):
            examples(corpus, FrameParameters(unit=unit))
        return
    found = examples(corpus, FrameParameters(unit=unit))
    texts, y = found.units.text.to_pylist(), found.y.toarray()
    got = {
        (texts[row], frozenset(np.array(found.labels.codes)[y[row] > 0].tolist())): float(found.weights[row])
        for row in range(len(found))
    }
    assert len(got) == len(found)  # each pair stands once
    assert got == dict(expected)
    assert list(got) == list(expected)  # in the order of the certificates
    assert list(found.labels.codes) == occurring


def test_a_text_that_is_coded_in_two_ways_stands_for_each() -> None:
    corpus = by_line((2012, [("flu", ["A"])]), (2012, [("flu", ["B"])]), (2013, [("flu", ["A"])]))
    fit(corpus, "line")
    assert SEEN.train is not None
    assert SEEN.train.units.text.to_pylist() == ["flu", "flu"]
    assert SEEN.train.y.toarray().tolist() == [[1, 0], [0, 1]]
    assert SEEN.train.weights.tolist() == [2.0, 1.0]


def test_a_code_that_stands_on_empty_lines_alone_is_no_label() -> None:
    """No family could learn it: nothing is written where it stands."""
    corpus = by_line((2012, [("flu", ["A"]), ("", ["Z"])]))
    assert examples(corpus, FrameParameters(unit="line")).labels.codes == ("A",)
    assert examples(corpus, FrameParameters(unit="certificate")).labels.codes == ("A", "Z")


@pytest.mark.parametrize("unit", ["line", "certificate"])
def test_each_distinct_text_is_looked_at_once(unit: str) -> None:
    corpus = by_line(*[(2012, [("flu", ["A"]), ("cough", ["B"])])] * 50, (2012, [("flu", ["A"])]))
    fit(corpus, unit).predict(corpus.texts)
    [looked_at] = SEEN.predicted
    assert sorted(looked_at) == sorted({"flu", "cough"} if unit == "line" else {"flu\ncough", "flu"})


@pytest.mark.parametrize("unit", ["line", "certificate"])
def test_where_nothing_is_written_there_is_no_score(unit: str) -> None:
    odd = by_line((2012, []), (2012, [("", [])]), (2012, [("", ["A"]), ("", ["B"])]), (2012, [("flu", ["A"])]))
    scores = fit(by_line((2012, [("flu", list(CODES))])), unit).predict(odd.texts).scores
    assert np.diff(scores.indptr).tolist() == [0, 0, 0, scores[3].nnz]
    assert scores[3].nnz


def test_an_empty_line_changes_nothing() -> None:
    """Readers keep a line with codes and no text, which in production, without codes, they cannot see."""
    with_codes = by_line((2012, [("flu", ["A"]), ("", ["B"]), ("cough", [])]), (2012, [("", ["B"]), ("fever", [])]))
    without = by_line((2012, [("flu", []), ("cough", [])]), (2012, [("fever", [])]))
    for unit in ("line", "certificate"):
        model = fit(with_codes, unit)
        scored, shipped = (model.predict(corpus.texts).scores.toarray() for corpus in (with_codes, without))
        assert scored.tolist() == shipped.tolist()


def test_certain_lines_stay_below_one() -> None:
    labels = LabelSet(("A",))
    sure = csr_array(np.full((1, 1), np.float32(1.0 - 2.0**-24)))
    texts = by_line((2012, [("flu", []), ("flu", []), ("flu", [])])).texts
    found = distinct(texts, "line")
    scores = frame.scatter(sure, found, texts, "line", labels, CodeList(()).validity(labels)).scores
    assert 0.99 < scores[0, 0] < 1.0


def test_reports_are_predictions_of_the_validation_certificates() -> None:
    train = by_line((2012, [("flu", list(CODES))]))
    validation = by_line((2013, [("cough", []), ("flu", [])]), (2013, [("cough", [])]), (2014, []))
    knowledge = Knowledge(CodeList((CodeEntry("A", valid_to=2012),)))
    reports: list[tuple[int, Predictions]] = []
    model = frame.fit(
        "probe",
        train,
        validation.texts,
        knowledge,
        {"unit": "line"},
        Context(),
        lambda step, predictions: reports.append((step, predictions)),
    )
    assert SEEN.validation is not None
    assert sorted(SEEN.validation.text.to_pylist()) == ["cough", "flu"]  # distinct, and nothing but text
    [(step, predictions)] = reports
    assert step == 1
    assert predictions.labels == model.labels
    assert predictions.scores.toarray().tolist() == model.predict(validation.texts).scores.toarray().tolist()
    assert not predictions.scores.toarray()[:, 0].any()  # no longer valid


def test_without_anybody_to_report_to_validation_is_not_looked_at() -> None:
    train = by_line((2012, [("flu", ["A"])]))
    frame.fit("probe", train, train.texts, Knowledge(), {"unit": "line"}, Context())
    assert SEEN.validation is None
    assert SEEN.predicted == []


def test_saves_the_years_of_validity(tmp_path: Path) -> None:
    corpus = by_line((2012, [("flu", list(CODES))]))
    model = fit(corpus, "line", Knowledge(CodeList((CodeEntry("A", valid_from=2013), CodeEntry("E")))), size=7)
    model.save(tmp_path / "model")
    loaded = frame.load(tmp_path / "model")
    assert loaded.parameters == {"unit": "line", "size": 7}
    assert loaded.validity.years.tolist() == model.validity.years.tolist()
    assert (
        loaded.predict(corpus.texts).scores.toarray().tolist() == model.predict(corpus.texts).scores.toarray().tolist()
    )
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model")  # two models must not mix


def test_lines_need_codes_by_line() -> None:
    corpus = by_certificate((2012, ["flu"], ["A"]))
    with pytest.raises(
        SpaceError, match="unit must be certificate where the corpus has no codes by line, but got line"
    ):
        fit(corpus, "line")
    fit(corpus, "certificate")
    assert fit(corpus, "certificate").unit == "certificate"
    assert frame.part("probe", {})[0].unit == "certificate"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"unit": "word"}, r"^probe\.unit: Input should be 'line' or 'certificate', but got 'word'$"),
        ({"size": "many"}, r"^probe\.size: [^\n]*, but got 'many'$"),
        ({"sise": 3}, r"^probe\.sise: [^\n]*, but got 3$"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        frame.part("probe", parameters)


# ------------------------------------------------------------------------------------------- what a model writes

TABLE = {
    "flu": Entry({"A": 0.75}, ("A",), "Influenza"),
    "fall, flu": Entry({"B": 0.5, "A": 0.25}, ("B", "A"), "Fall; Influenza"),
    "flu\nfall, flu": Entry({"A": 0.5}, ("A", "B"), "Influenza; Fall"),
    "": Entry({"C": 0.5}, ("C",), "what no line says"),
}
SAID = by_line(
    (2012, [("flu", []), ("", []), ("fall, flu", [])]), (2012, []), (2013, [("", [])]), (2013, [("fall, flu", [])])
).texts


def said(written: Written | None) -> list[tuple[list[int], str]]:
    assert written is not None
    texts = [""] * len(written) if written.text is None else written.text.to_pylist()
    return [
        (written.columns[written.first[row] : written.first[row + 1]].tolist(), text) for row, text in enumerate(texts)
    ]


def test_each_line_has_what_was_written_of_its_text_and_an_empty_one_nothing() -> None:
    found = scribe(CODES, TABLE).predict(SAID)
    assert said(found.written) == [
        ([0], "Influenza"), ([], ""), ([1, 0], "Fall; Influenza"), ([], ""), ([1, 0], "Fall; Influenza"),
    ]  # fmt: skip
    assert not found.scores.toarray()[:, 2].any()


def test_each_certificate_has_what_was_written_of_it_as_a_whole() -> None:
    found = scribe(CODES, TABLE, "certificate").predict(SAID)
    assert said(found.written) == [([0, 1], "Influenza; Fall"), ([], ""), ([], ""), ([1, 0], "Fall; Influenza")]


def test_a_model_without_words_writes_codes_alone_and_others_write_nothing() -> None:
    found = scribe(CODES, TABLE, words=False).predict(SAID).written
    assert found is not None
    assert found.text is None
    assert said(found)[2] == ([1, 0], "")
    labels = LabelSet(CODES)
    silent = frame.Model("probe", "line", {}, labels, CodeList(()).validity(labels), ProbeModel(labels))
    assert silent.predict(SAID).written is None


class HistoryParameters(SequenceParameters):
    epochs: int = 2


@dataclass(frozen=True)
class Historian(Scribe):
    """Says of each text its era's number of codes that are barred, by which probability, and notes what it was shown."""

    def write(self, units: Units) -> tuple[csr_array, Written]:
        SEEN.validation = units
        n = len(units)
        barred: Any = np.zeros(n)
        if units.seasons is not None:
            barred = np.asarray(units.seasons.barred.sum(axis=1)).ravel()[units.seasons.era]
        scores = csr_array(np.full((n, len(self.labels)), 0.5, dtype=np.float32))
        first = np.arange(n + 1, dtype=np.int64)
        return scores, Written(first, np.zeros(n, dtype=np.int32), None, barred.astype(np.float32), None)


class Chronicle(Probe):
    Parameters: ClassVar[type[Parameters]] = HistoryParameters

    def fit(
        self, train: Examples, validation: Units | None, knowledge: Knowledge, parameters: Any, context: Context
    ) -> Any:
        SEEN.train, SEEN.validation = train, validation
        model = Historian(train.labels, {})
        if validation is not None and context.report is not None:
            context.report(1, *model.write(validation))
        return model


@pytest.mark.parametrize("unit", ["line", "certificate"])
def test_a_family_that_writes_learns_in_order_and_is_told_what_is_barred(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "probe", f"{__name__}:Chronicle")
    listed = CodeList(
        (CodeEntry("B", valid_from=2014), CodeEntry("C", valid_to=2012), CodeEntry("Z", "zoster", valid_to=2011))
    )
    train = by_line((2012, [("x", ["C", "A"])]), (2014, [("y", ["B", "A"])]))
    asked = by_line((2012, [("x", [])]), (2013, [("x", [])]), (2014, [("x", [])]), (2012, [("x", [])])).texts
    reports: list[Predictions] = []
    model = frame.fit(
        "probe", train, asked, Knowledge(listed), {"unit": unit}, Context(), lambda _, found: reports.append(found)
    )
    assert SEEN.train is not None
    assert SEEN.train.entries is not None
    assert [model.labels.codes[column] for column in SEEN.train.entries.columns] == ["C", "A", "B", "A"]
    for found in (model.predict(asked), *reports):
        assert found.written is not None
        assert found.written.log_probability is not None
        assert found.written.log_probability.tolist() == [2, 3, 2, 2]  # of B, C and Z, that the list alone knows
        scores = dict(zip(model.labels.codes, (found.scores.toarray() > 0).T.tolist(), strict=True))
        assert scores["B"] == [False, False, True, False]
        assert scores["C"] == [True, False, False, True]
    assert len(reports) == 1
    assert SEEN.validation is not None
    assert len(SEEN.validation) == 3  # the same text in the same era is looked at once


def test_a_family_that_does_not_write_sees_neither_order_nor_eras() -> None:
    listed = CodeList((CodeEntry("B", valid_from=2014),))
    train = by_line((2012, [("x", ["C", "A"])]), (2014, [("y", ["B", "A"])]))
    frame.fit("probe", train, train.texts, Knowledge(listed), {"unit": "line"}, Context(), lambda *_: None)
    assert SEEN.train is not None
    assert SEEN.train.entries is None
    assert SEEN.validation is not None
    assert SEEN.validation.seasons is None
