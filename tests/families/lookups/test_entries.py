from __future__ import annotations

import numpy as np
import pytest
from certificates import by_certificate, by_line

from harness.corpus.certificate import Corpus, strings
from harness.families.examples import FrameParameters, Unit, examples
from harness.families.family import Examples
from harness.families.lookups.counts import FloatArray
from harness.families.lookups.entries import Candidates, Entries


def learnt(corpus: Corpus, unit: Unit) -> Examples:
    return examples(corpus, FrameParameters(unit=unit))


def answer(entries: Entries, text: str) -> dict[int, float]:
    answers = entries.answer(entries.find(strings([text])))
    return dict(zip(answers.pair.tolist(), answers.share.tolist(), strict=True))


DRUGS = learnt(
    by_certificate(
        *[(2012, ["Acute heroin intoxication", "Drug use"], ["H"])] * 4,
        *[(2012, ["Acute cocaine intoxication"], ["C"])] * 4,
        *[(2012, ["toxicity of heroin and cocaine"], ["C", "H"])] * 2,
        *[(2012, ["acetyl fentanyl"], ["A"])] * 3,
        *[(2012, ["fentanyl"], ["F"])] * 3,
    ),
    "certificate",
)
A, C, F, H = range(4)


def words(purity: float, least: int = 3, kept: FloatArray | None = None) -> Entries:
    everything = np.ones(len(DRUGS)) if kept is None else kept
    return Entries.fit(Candidates.words(DRUGS.units.text, 1), DRUGS, everything, 0.5, least, purity)


def test_the_purest_words_and_pairs_are_learnt() -> None:
    terms = words(0.8).terms.terms.to_pylist()
    assert "heroin" in terms
    assert "acetyl fentanyl" in terms
    assert not {"acute", "intoxication", "and", "of"} & set(terms)  # no code often enough
    assert "toxicity" not in terms  # stands twice alone
    assert "intoxication drug" not in terms  # a pair does not reach over a line
    assert "fentanyl" not in terms  # 3 of 6 for each code
    assert "fentanyl" in words(0.4).terms.terms.to_pylist()


def test_the_longest_entry_at_a_place_answers() -> None:
    entries = words(0.4)
    assert answer(entries, "ACETYL-FENTANYL") == {A: pytest.approx(3 / 3.5)}
    assert answer(entries, "fentanyl") == {A: pytest.approx(3 / 6.5), F: pytest.approx(3 / 6.5)}
    both = answer(entries, "found: heroin\nand then cocaine")
    assert both[H] == pytest.approx(6 / 6.5)
    assert both[C] == pytest.approx(6 / 6.5)
    assert answer(entries, "nothing known") == {}


def test_what_was_left_out_teaches_nothing() -> None:
    kept = np.where(np.asarray(DRUGS.units.text) == "fentanyl", 0.0, 1.0)
    assert answer(words(0.4, kept=kept), "fentanyl") == {A: pytest.approx(3 / 3.5)}


def test_known_lines_within_a_text() -> None:
    train = learnt(
        by_line(
            *[(2012, [("Aplastic anaemia", ["D61"])])] * 3, (2012, [("anaemia", ["D64"])]), (2012, [("MI", ["I21"])])
        ),
        "line",
    )
    entries = Entries.fit(Candidates.lines(train.units.text), train, np.ones(len(train)), 0.5)
    found = entries.answer(entries.find(strings(["mi due to aplastic anaemia", "anaemia?"])))
    assert found.pair.tolist() == [0, 2, 3 + 1]
    assert found.share == pytest.approx([3 / 3.5, 1 / 1.5, 1 / 1.5])
    assert found.of_pair["seen"].tolist() == [3, 1, 1]
    assert found.of_row["covered"] == pytest.approx([3 / 5, 1])


def test_lines_of_certificates_count_by_certificate() -> None:
    train = learnt(
        by_certificate(
            (2012, ["heroin", "drug use"], ["H"]), (2012, ["cocaine", "drug use", "drug use"], ["C"]), (2012, ["x"], [])
        ),
        "certificate",
    )
    entries = Entries.fit(Candidates.lines(train.units.text), train, np.ones(len(train)), 0.5)
    assert answer(entries, "alive\nDrug use") == {0: pytest.approx(1 / 2.5), 1: pytest.approx(1 / 2.5)}


def test_texts_without_words_have_no_entry() -> None:
    train = learnt(by_line((2012, [("!!", ["A"])])), "line")
    for candidates in (Candidates.lines(train.units.text), Candidates.words(train.units.text, 1)):
        entries = Entries.fit(candidates, train, np.ones(1), 0.5)
        assert answer(entries, "!!") == {}
        assert answer(entries, "") == {}
