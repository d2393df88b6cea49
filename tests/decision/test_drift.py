from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, nct, t

from harness.corpus.certificate import Corpus, LabelSet, Texts, indicator, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.decision.drift import LEAST_PAIRS, DriftReference, DriftState, Statistic, words_alarm
from harness.decision.gaps import design_of, gap_of
from harness.decision.summaries import Pair, YearSummary, bin_edges, binned, past_pairs
from harness.errors import BundleError

LABELS = LabelSet(("A", "B"))


def corpus(*certificates: tuple[int, Sequence[str], str]) -> Corpus:
    """Each certificate: year, lines, codes."""
    lines = [line for _, texts, _ in certificates for line in texts]
    columns = np.array([LABELS.index[code] for *_, codes in certificates for code in codes], np.int64)
    texts = Texts(
        ids=strings([f"id-{i}" for i in range(len(certificates))]),
        years=np.array([year for year, *_ in certificates], np.int16),
        first_line=np.cumsum([0, *(len(texts) for _, texts, _ in certificates)]).astype(np.int64),
        lines=strings(lines),
        parts=np.ones(len(lines), np.int8),
        intervals=None,
        covariates={},
    )
    first = np.cumsum([0, *(len(codes) for *_, codes in certificates)])
    return Corpus(texts, LABELS, indicator(first, columns, 2), None)


def summary(year: int, words: int, texts: int = 0, n: int = 1000, codes: Sequence[int] | None = None) -> YearSummary:
    return YearSummary(year, n, words, texts, None, None if codes is None else np.array(codes))


def reference(pairs: Sequence[Pair], calibration: YearSummary, design: float = 1.0) -> DriftReference:
    return DriftReference(calibration, LABELS, np.zeros(0), design, tuple(pairs))


BIG = 10**7  # certificates: sampling noise is nothing


def sure(gaps: Sequence[float], share: float = 0.01) -> list[Pair]:
    """Pairs of huge years whose share of unseen words has exactly these log gaps; no unseen text at all."""
    return [
        Pair(
            summary(2000 + i, round(BIG * share), n=BIG),
            summary(2001 + i, round(BIG * share * math.exp(gap)), n=BIG),
        )
        for i, gap in enumerate(gaps)
    ]


def of(state: DriftState, name: str) -> Statistic:
    return next(one for one in state.statistics if one.name == name)


GAPS = (0.1, -0.2, 0.3, 0.0, 0.05, 0.15)


@pytest.mark.parametrize("gap", [-1.0, 0.0, 0.3, 0.6, 1.0])
def test_without_sampling_noise_it_is_the_prediction_interval_of_a_normal(gap: float) -> None:
    now = summary(2010, round(BIG * 0.01 * math.exp(gap)), n=BIG)
    state = words_alarm(reference(sure(GAPS), summary(2009, round(BIG * 0.01), n=BIG)), now)
    found = of(state, "words")
    wanted = (gap - np.mean(GAPS)) / (np.std(GAPS, ddof=1) * math.sqrt(1 + 1 / len(GAPS)))
    assert found.standardised == pytest.approx(wanted, abs=0.03)
    assert found.limit == pytest.approx(t.isf(0.05 / 2, len(GAPS) - 1))
    assert found.log_gap == pytest.approx(gap, abs=1e-4)
    assert found.value == pytest.approx(0.01 * math.exp(gap), rel=1e-4)
    assert state.rings == (wanted > t.isf(0.025, len(GAPS) - 1))


def test_the_rate_is_split_over_the_statistics_that_have_pairs() -> None:
    pairs = [
        Pair(
            replace(pair.before, codes=np.array([4000, 5000])),
            replace(pair.after, codes=np.array([4000 + 90 * (i + 1), 5000])),
        )
        for i, pair in enumerate(sure(GAPS))
    ]
    calibration = replace(summary(2009, 100), codes=np.array([10, 20]))
    now = replace(summary(2010, 100), codes=np.array([10, 20]))
    three = words_alarm(reference(pairs, calibration), now, rate=0.09)
    assert [one.limit for one in three.statistics] == pytest.approx([t.isf(0.03, 5)] * 3)
    unknown = words_alarm(reference(pairs, calibration), replace(now, codes=None), rate=0.09)
    assert [one.limit for one in unknown.statistics] == pytest.approx([t.isf(0.045, 5)] * 2)
    assert {one.name for one in unknown.statistics} == {"words", "texts"}


def test_under_five_pairs_there_is_no_alarm_and_it_says_so() -> None:
    assert LEAST_PAIRS == 5
    wild = summary(2010, 900)
    state = words_alarm(reference(sure(GAPS[:4]), summary(2009, 10)), wild)
    assert not state.rings
    assert all(not one.alarm_possible and one.standardised is None and one.pairs == 4 for one in state.statistics)
    assert of(state, "words").value == 0.9
    assert "No words alarm is possible" in state.sentences[0]
    assert "4 of 5 pairs" in state.sentences[1]
    ringing = words_alarm(reference(sure(GAPS[:5]), summary(2009, 10)), wild)
    assert ringing.rings
    assert "RINGS" in ringing.sentences[0]
    assert "5%" in ringing.sentences[0]
    assert "5 pairs" in ringing.sentences[0]
    assert ringing.statistics[0].name == "words"


def test_a_small_batch_does_not_ring_by_chance_but_by_much() -> None:
    pairs = sure((0.0, 0.05, -0.05, 0.02, -0.02, 0.0))
    calibration = summary(2009, round(BIG * 0.01), n=BIG)
    assert not words_alarm(reference(pairs, calibration), summary(2010, 3, n=100)).rings
    assert words_alarm(reference(pairs, calibration), summary(2010, 3000, n=100_000)).rings
    assert words_alarm(reference(pairs, calibration), summary(2010, 8, n=100)).rings


def test_fewer_unseen_words_never_ring() -> None:
    assert not words_alarm(reference(sure(GAPS), summary(2009, 500)), summary(2010, 0)).rings


def test_pairs_that_all_agree_leave_the_sampling_noise() -> None:
    pairs = [Pair(summary(2000 + i, 50), summary(2001 + i, 50)) for i in range(6)]
    state = words_alarm(reference(pairs, summary(2009, 50)), summary(2010, 55))
    assert not state.rings
    assert words_alarm(reference(pairs, summary(2009, 50)), summary(2010, 100)).rings


def test_only_pairs_as_far_apart_as_the_batch_count() -> None:
    near = sure(GAPS)
    far = [Pair(pair.before, replace(pair.after, year=pair.before.year + 2)) for pair in sure([2.0 + g for g in GAPS])]
    both = reference([*near, *far], summary(2009, round(BIG * 0.01), n=BIG))
    risen = round(BIG * 0.01 * math.exp(2.0))
    assert words_alarm(both, summary(2010, risen, n=BIG)).rings
    assert not words_alarm(both, summary(2011, risen, n=BIG)).rings
    assert not words_alarm(both, summary(2015, risen, n=BIG)).rings
    assert of(words_alarm(both, summary(2009, risen, n=BIG)), "words").pairs == len(GAPS)


def coded(years: Sequence[tuple[Sequence[int], Sequence[int]]], n: int = 1000) -> list[Pair]:
    return [
        Pair(summary(2000 + i, 10, n=n, codes=one), summary(2001 + i, 10, n=n, codes=other))
        for i, (one, other) in enumerate(years)
    ]


def test_codes_that_shift_as_ever_are_silent_and_more_rings() -> None:
    usual = coded([((300, 500), (300 + s, 500)) for s in (60, -65, 70, -58, 66, 62)])
    calibration = summary(2009, 10, codes=(300, 500))
    assert not words_alarm(reference(usual, calibration), summary(2010, 10, codes=(370, 500))).rings
    state = words_alarm(reference(usual, calibration), summary(2010, 10, codes=(700, 500)))
    assert state.rings
    assert state.statistics[0].name == "codes"
    assert state.statistics[0].value > (state.statistics[0].reference or 1.0)
    small = words_alarm(reference(usual, calibration), summary(2010, 1, n=30, codes=(11, 14)))
    assert not small.rings


def test_g_of_codes_is_scipys() -> None:
    one, other = summary(2000, 0, codes=(300, 500), n=1000), summary(2001, 0, codes=(90, 120), n=400)
    gap = gap_of("codes", one, other, 1.0)
    tables = [np.array([[300, 700], [90, 310]]), np.array([[500, 500], [120, 280]])]
    wanted = sum(chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic for table in tables)
    assert gap is not None
    assert gap.seen == pytest.approx(wanted)
    assert gap.freedom == 2
    size = 1000 * 400 / 1400
    assert gap.value == pytest.approx((wanted - 2) / size)


def test_rare_codes_share_a_cell() -> None:
    one, other = summary(2000, 0, codes=(300, 3, 2, 0), n=1000), summary(2001, 0, codes=(300, 0, 1, 2), n=1000)
    gap = gap_of("codes", one, other, 1.0)
    assert gap is not None
    assert gap.freedom == 2
    assert gap.seen == pytest.approx(2 * (5 * math.log(5 / 4) + 3 * math.log(3 / 4)))
    assert gap.value == 0.0


def test_the_confidences_distance_is_jensen_and_shannons() -> None:
    one = replace(summary(2000, 0, n=60), confidence=np.array([10, 20, 30]))
    other = replace(summary(2001, 0, n=60), confidence=np.array([30, 20, 10]))
    gap = gap_of("confidence", one, other, 1.0)
    assert gap is not None
    assert gap.seen == pytest.approx(2 * 120 * float(jensenshannon([1, 2, 3], [3, 2, 1])) ** 2)
    assert (gap.freedom, gap.size) == (2, 30)


def test_the_design_is_the_mean_sum_of_squared_correlations() -> None:
    rng = np.random.default_rng(2)
    base = rng.random((400, 1)) < 0.5
    dense = np.hstack([base, base ^ (rng.random((400, 1)) < 0.1), rng.random((400, 3)) < 0.2]).astype(np.int8)
    dense = np.hstack([dense, np.eye(400, 1, dtype=np.int8)])  # one rare code
    wanted = np.sum(np.corrcoef(dense[:, :5].T) ** 2) / 5
    assert design_of(csr_array(dense)) == pytest.approx(wanted)
    assert design_of(indicator(np.zeros(401, np.int64), np.zeros(0, np.int64), 2)) == 1.0


def test_pairs_stand_to_the_vocabulary_as_calibration_and_new_year_do() -> None:
    years = corpus(
        (2010, ["old words"], "A"),
        (2011, ["old words", "fresh"], "B"),
        (2011, ["words old"], "A"),
        (2012, ["fresh"], "AB"),
        (2012, ["old words"], ""),
        (2012, ["of 12", ""], ""),
        (2013, ["Fresh!"], ""),
    )
    first, second = past_pairs([years], Knowledge())
    assert (first.before.year, first.after.year, second.before.year, second.after.year) == (2011, 2012, 2012, 2013)
    assert (first.before.n, first.before.unseen_words, first.before.unseen_texts) == (2, 1, 2)
    assert (first.after.n, first.after.unseen_words, first.after.unseen_texts) == (3, 1, 2)
    assert (second.before.unseen_words, second.before.unseen_texts) == (0, 1)
    assert (second.after.unseen_words, second.after.unseen_texts) == (0, 0)
    assert first.after.codes is not None
    assert first.after.codes.tolist() == [1, 1]
    (late,) = past_pairs([years], Knowledge(), after_fit=2)
    assert (late.before.year, late.before.unseen_words, late.after.unseen_words) == (2012, 1, 1)
    assert [pair.after.year for pair in past_pairs([years], Knowledge(), ahead=(1, 2))] == [2012, 2013, 2013]
    parted = past_pairs([years.rows(0, 3), years.rows(3, 7)], Knowledge())
    assert [pair.after.to_dict() for pair in parted] == [first.after.to_dict(), second.after.to_dict()]


def test_words_of_the_list_are_never_unseen() -> None:
    years = corpus((2010, ["old"], ""), (2011, ["fresh"], ""), (2012, ["fresh snow"], ""))
    (pair,) = past_pairs([years], Knowledge(CodeList((CodeEntry("A", "fresh"),))))
    assert (pair.before.unseen_words, pair.before.unseen_texts) == (0, 0)
    assert (pair.after.unseen_words, pair.after.unseen_texts) == (1, 1)


def test_one_or_two_years_make_no_pair() -> None:
    assert past_pairs([corpus((2010, ["old"], ""), (2011, ["old"], ""))], Knowledge()) == ()
    assert past_pairs([corpus()], Knowledge()) == ()


WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "no"]), max_size=3).map(" ".join)
CERTIFICATES = st.lists(st.tuples(st.integers(2010, 2013), st.lists(WORDS, max_size=2), st.just("")), max_size=12)


@given(CERTIFICATES)
@settings(max_examples=30, deadline=None)
def test_pairs_equal_one_vocabulary_after_the_other(certificates: list[tuple[int, list[str], str]]) -> None:
    there = sorted({year for year, *_ in certificates})
    found = past_pairs([corpus(*certificates)], Knowledge())
    assert len(found) == max(0, len(there) - 2)
    for fit, before, after, pair in zip(there, there[1:], there[2:], found, strict=False):
        lines = {line for year, texts, _ in certificates if year <= fit for line in texts} | {""}
        known = {word for line in lines for word in line.split()} | {"no"}
        for year, said in ((before, pair.before), (after, pair.after)):
            mine = [texts for y, texts, _ in certificates if y == year]
            assert said.n == len(mine)
            assert said.unseen_texts == sum(bool(set(texts) - lines) for texts in mine)
            assert said.unseen_words == sum(bool({w for line in texts for w in line.split()} - known) for texts in mine)


def test_batches_add_up_to_their_year() -> None:
    rng = np.random.default_rng(3)
    words, texts, confidence = rng.poisson(0.1, 90), rng.random(90) < 0.5, rng.normal(size=90)
    codes = csr_array((rng.random((90, 2)) < 0.4).astype(np.int8))
    made = DriftReference.learnt(2018, words, texts, confidence, LABELS, codes, ())
    assert made.calibration.to_dict() == {
        "year": 2018,
        "n": 90,
        "unseen_words": int((words > 0).sum()),
        "unseen_texts": int(texts.sum()),
        "confidence": [9] * 10,
        "codes": codes.toarray().sum(axis=0).tolist(),
    }
    parts = [made.summary(2018, words[a:b], texts[a:b], confidence[a:b], codes[a:b]) for a, b in ((0, 40), (40, 90))]
    assert (parts[0] + parts[1]).to_dict() == made.calibration.to_dict()
    assert (parts[0] + replace(parts[1], codes=None)).codes is None


def test_ties_and_what_is_no_number_have_their_bins() -> None:
    sure_ = np.array([np.inf] * 6 + [0.5] * 3 + [np.nan])
    edges = bin_edges(sure_)
    assert binned(sure_, edges).sum() == 10
    assert binned(np.array([np.inf, np.nan]), edges).tolist() == [1, 0, 1, 0]
    assert len(bin_edges(np.ones(50))) == 1
    assert binned(np.zeros(0), bin_edges(np.zeros(0))).tolist() == [0]


def test_saved_and_loaded(tmp_path: Path) -> None:
    pairs = coded([((300, 500), (300 + s, 500)) for s in (60, -65, 70, -58, 66, 62)])
    made = replace(
        reference(pairs, replace(summary(2009, 10, codes=(300, 500)), confidence=np.array([1, 2, 3])), 1.25),
        edges=np.array([0.5, np.inf]),
    )
    made.save(tmp_path / "drift.json")
    again = DriftReference.load(tmp_path / "drift.json")
    now = replace(summary(2010, 30, codes=(350, 400)), confidence=np.array([2, 2, 2]))
    assert words_alarm(again, now) == words_alarm(made, now)
    assert again.edges.tolist() == [0.5, np.inf]
    assert again.labels == LABELS
    json.loads((tmp_path / "drift.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("key", ["labels", "edges"])
def test_counts_that_do_not_fit_are_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "drift.json"
    calibration = replace(summary(2009, 10, codes=(300, 500)), confidence=np.array([5]))
    reference((), calibration).save(path)
    said = json.loads(path.read_text())
    said[key] = ["A", "B", "C"] if key == "labels" else [0.1]
    path.write_text(json.dumps(said))
    with pytest.raises(BundleError, match=r"drift\.json"):
        DriftReference.load(path)


def test_an_empty_batch_says_nothing() -> None:
    state = words_alarm(reference(sure(GAPS), summary(2009, 10)), summary(2010, 0, n=0))
    assert not state.rings
    assert state.statistics == ()


@pytest.mark.parametrize(("n_past", "n_now"), [(400, 60), (3000, 3000)])
def test_the_nominal_rate_is_kept_and_a_jump_is_heard(n_past: int, n_now: int) -> None:
    """Years move as a normal log does: at a rate of 20 % the alarm rings in about that or less, and far more at a jump."""
    rng = np.random.default_rng(5)
    draws, spread, rung = 120, 0.3, np.zeros(2)

    def pair(year: int, size: int, jump: float = 0.0) -> Pair:
        shares = np.array([[0.05, 0.4], [0.05, 0.4]])
        shares[1] *= np.exp(rng.normal([0.1 + jump, 0.05], [spread, 0.05]))
        counts = rng.binomial([[n_past], [size]], np.minimum(shares, 1.0))
        return Pair(*(YearSummary(year + i, (n_past, size)[i], int(counts[i][0]), int(counts[i][1])) for i in range(2)))

    for _ in range(draws):
        pairs = [pair(2000 + i, n_past) for i in range(6)]
        for place, jump in enumerate((0.0, 1.8)):
            new = pair(2009, n_now, jump)
            rung[place] += words_alarm(reference(pairs, new.before), new.after, rate=0.2).rings
    assert 0.02 < rung[0] / draws <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / draws)
    assert rung[1] / draws > 0.8


def test_the_t_limit_is_that_of_a_prediction() -> None:
    """A shift of d spreads is heard as often as the noncentral t says."""
    rng = np.random.default_rng(6)
    m, d, draws = 5, 3.0, 150
    rings = 0
    for _ in range(draws):
        gaps = rng.normal(0, 0.2, m)
        now = summary(2010, round(BIG * 0.01 * math.exp(rng.normal(d * 0.2, 0.2))), n=BIG)
        rings += words_alarm(
            reference(sure(gaps.tolist()), summary(2009, round(BIG * 0.01), n=BIG)), now, rate=0.2
        ).rings
    wanted = float(nct.sf(t.isf(0.1, m - 1), m - 1, d / math.sqrt(1 + 1 / m)))
    assert rings / draws == pytest.approx(wanted, abs=3.5 * math.sqrt(wanted * (1 - wanted) / draws))
