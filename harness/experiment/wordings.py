"""What bringing lines into standard wording is worth: models that write, the nearest known wording, and the ceiling."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.config import Synthetic
from harness.corpus.certificate import BoolArray, Corpus, IntArray, strings
from harness.corpus.synthetic import generate
from harness.corpus.synthetic_writing import Plain, Writer
from harness.corpus.words import normalise
from harness.experiment.normalising import NAMES, Learnt, Wanted, references
from harness.families.family import Written, blocks
from harness.families.lookups.neighbour import ROWS, Neighbours
from harness.files import Row
from harness.metrics import bootstrap
from harness.metrics.multilabel import Counts
from harness.metrics.seeds import over_seeds
from harness.run.study import CEILING, NEAREST

ALL, UNSEEN = "all", "unseen"
DRAWN = 64_000  # certificates behind a generated corpus' ceilings


def nearest(lines: pa.Array, learnt: Learnt) -> pa.Array:
    """The known wording that each line's text is nearest to: the peer of a model that writes.

    Known are training's wordings, and the list's titles and synonyms. One of training's answers itself; a title or
    synonym that training never wrote answers its code's most frequent wording of training, or else its title. Near is
    the cosine of TF-IDF of character n-grams (:class:`Neighbours`). A line has one wording, however many codes it has.

    Parameters
    ----------
    lines : (n_lines,) never null; each distinct text is looked up once

    Returns
    -------
    (n_lines,) never null; empty where a text shares no n-gram with any wording.
    """
    known, answers = _answers(learnt)
    if not len(known):
        return strings([""] * len(lines))
    of_line, texts = _distinct(lines)
    neighbours = Neighbours.fit(known)
    place = np.empty(len(texts), dtype=np.int64)
    for rows in blocks(len(texts), ROWS):
        place[rows] = neighbours.nearest(neighbours.vectors(texts[rows]))[0][:, 0]
    return pc.fill_null(answers.take(pa.array(place, mask=place < 0)), "").take(pa.array(of_line))


def _answers(learnt: Learnt) -> tuple[pa.Array, pa.Array]:
    """Each known wording once, normalised and never empty, and what it answers.

    What stands for several codes answers by the one whose answer is the most frequent in training.
    """
    row = np.arange(len(learnt.terms))
    listed = row >= learnt.n_said
    # A code's wordings of training come before its title, and that before its synonyms; these two count once each.
    usual = np.lexsort((row, -learnt.times, learnt.columns))
    of_code = np.searchsorted(learnt.columns[usual], learnt.columns)
    answer = np.where(listed, usual[of_code], row)
    group, texts = _distinct(learnt.terms)
    best = np.lexsort((row, -learnt.times[answer], listed, group))
    best = best[np.unique(group[best], return_index=True)[1]]
    best = best[np.asarray(pc.not_equal(texts, ""), dtype=np.bool_)[group[best]]]
    return texts.take(pa.array(group[best])), learnt.terms.take(pa.array(answer[best]))


def ceiling(references: pa.Array, texts: pa.Array) -> float | None:
    """The greatest share of lines that can have their reference when a text always has one answer.

    The answer of a text is its most frequent reference among these very lines, so that no model that reads the text
    alone, case, accents and punctuation apart, does better on them. A text that stands once is always right: on lines
    whose text training never had, of which most do, this is an upper bound that flatters.

    Parameters
    ----------
    references, texts : (n,) never null; both are compared normalised

    Returns
    -------
    The share in [0, 1], or None without lines.
    """
    if not len(texts):
        return None
    (reference, distinct), (text, _) = _distinct(references), _distinct(texts)
    pair, times = np.unique(text * len(distinct) + reference, return_counts=True)
    first = np.unique(pair // len(distinct), return_index=True)[1]
    return float(np.maximum.reduceat(times, first).sum() / len(texts))


def generated_ceilings(parameters: Synthetic, years: Collection[int], learnt: Learnt) -> dict[str, float | None]:
    """The ceilings on generated certificates, for a model that sees what was meant through all that befell the text.

    The generator's noise is in codes and leaves standard texts as they are; what nobody can know is which of its standard
    texts a vague wording stands for. So each line's text is its wordings alone here, before they are written; and there
    are at least ``DRAWN`` certificates, those of the corpus among them, as the oftener the same wordings meet on a
    line, the less :func:`ceiling` flatters.

    Parameters
    ----------
    years : of the certificates that count, the held-out ones
    learnt : says of which lines, as they were written, training never had the text

    Returns
    -------
    By slice, for :func:`wordings`.
    """
    more = parameters.model_copy(update={"certificates": max(parameters.certificates, DRAWN)})
    written, meant = (_of_years(generate(more, writer).corpus, years) for writer in (Writer(), Plain()))
    if written.by_line is None:
        raise ValueError("generated certificates must have codes by line")
    text, _ = references(written.by_line, written.labels, learnt.knowledge)
    unseen = pa.array(learnt.unseen(written.texts.lines))
    lines = meant.texts.lines
    return {ALL: ceiling(text, lines), UNSEEN: ceiling(text.filter(unseen), lines.filter(unseen))}


def _of_years(corpus: Corpus, years: Collection[int]) -> Corpus:
    return corpus.take(np.flatnonzero(np.isin(corpus.texts.years, list(years))))


def wordings(
    reference: Corpus,
    learnt: Callable[[], Learnt],
    fits: Mapping[str, Mapping[int, Written]],
    *,
    seed: int,
    draws: int = 1000,
    ceilings: Mapping[str, float | None] | None = None,
) -> list[Row]:
    """The rows of the figure ``study_wordings``; none where the corpus has no codes by line.

    An arm's score is the mean over its seeds. Exact match has an interval of 95 % over the draw of the certificates,
    whose lines move together, and over that of the seeds (:mod:`harness.metrics.seeds`).

    Parameters
    ----------
    reference : held-out certificates
    learnt : of the training behind all fits, whose label set is the reference's; called only for codes by line
    fits : by arm and seed what was written of each line of ``reference``; a fit that wrote no text counts as none
    ceilings : by slice, where a nearer one than :func:`ceiling` is known

    Returns
    -------
    A row for each arm, slice and measure, then those of the nearest wording, then of the ceiling. ``n_seeds`` is 0 for
    these two, as no fit is behind them.
    """
    if reference.by_line is None:
        return []
    training = learnt()
    wanted = Wanted.of(reference, reference.by_line, training)
    lines = reference.texts.lines
    peer = nearest(lines, training)
    rows: list[Row] = []
    for arm, by_seed in fits.items():
        texts = [fit.text for fit in by_seed.values() if fit.text is not None]
        rows += [{"arm": arm, "n_seeds": len(texts), **row} for row in _scores(wanted, training, texts, seed, draws)]
    rows += [{"arm": NEAREST, "n_seeds": 0, **row} for row in _scores(wanted, training, [peer], seed, draws)]
    read = lines.take(pa.array(wanted.lines))
    for part, chosen in _slices(wanted).items():
        most = ceiling(wanted.text.filter(pa.array(chosen)), read.filter(pa.array(chosen)))
        value = most if most is None else (ceilings or {}).get(part, most)
        rows.append({"arm": CEILING, "n_seeds": 0, **_score(part, "exact_match", chosen, value)})
    return rows


def _scores(wanted: Wanted, learnt: Learnt, texts: Sequence[pa.Array], seed: int, draws: int) -> list[Row]:
    """The mean of each measure over some texts of all lines, by slice."""
    found = [wanted.measured(text, learnt) for text in texts]
    right = [_same(wanted.text, text.take(pa.array(wanted.lines))) for text in texts]
    rows = []
    for part, chosen in _slices(wanted).items():
        for measure, name in NAMES.items():
            values = [getattr(one, measure if part == ALL else f"{measure}_{part}") for one in found]
            if not values or None in values:
                rows.append(_score(part, name, chosen, None))
            elif measure == "exact_match":
                interval = _interval(wanted.certificate, chosen, right, seed, draws)
                rows.append(_score(part, name, chosen, *interval))
            else:
                rows.append(_score(part, name, chosen, float(np.mean(values))))
    return rows


def _interval(
    certificate: IntArray, chosen: BoolArray, right: Sequence[BoolArray], seed: int, draws: int
) -> tuple[float | None, float | None, float | None]:
    """The mean exact match of at least one line over seeds, and its interval over the certificates that have such lines.

    Parameters
    ----------
    certificate, chosen : (n,) of each line its certificate, and whether it counts
    right : of each seed which lines have their reference, (n,)
    """
    of_line = np.unique(certificate[chosen], return_inverse=True)[1]
    every = np.bincount(of_line)
    hits = [np.bincount(of_line[one[chosen]], minlength=len(every)) for one in right]
    values = np.array([hit.sum() / every.sum() for hit in hits])
    # A wrong line lacks one answer and has one too many: so the micro-F1 of lines is their exact match.
    counts = [Counts(hit, every - hit, every - hit) for hit in hits]
    resamples = bootstrap.resampled(counts, seed=seed, draws=draws).micro_f1
    return over_seeds(values, resamples, seed=seed, bounds=(0.0, 1.0)) or (None, None, None)


def _score(
    part: str, measure: str, chosen: BoolArray, value: float | None, low: float | None = None, high: float | None = None
) -> Row:
    return {"slice": part, "measure": measure, "n_lines": int(chosen.sum()), "value": value, "low": low, "high": high}


def _slices(wanted: Wanted) -> dict[str, BoolArray]:
    return {ALL: np.ones(len(wanted.lines), dtype=np.bool_), UNSEEN: wanted.unseen}


def _same(left: pa.Array, right: pa.Array) -> BoolArray:
    """Which texts are equal, case, accents and punctuation apart; (n,)."""
    place, _ = _distinct(pa.concat_arrays([left, right]))
    same: BoolArray = place[: len(left)] == place[len(left) :]
    return same


def _distinct(texts: pa.Array) -> tuple[IntArray, pa.Array]:
    """The place of each text among the distinct ones after the project's normalisation, and these."""
    encoded = texts.dictionary_encode()
    again = normalise(encoded.dictionary).dictionary_encode()
    place = again.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return place[encoded.indices.to_numpy(zero_copy_only=False)], again.dictionary
