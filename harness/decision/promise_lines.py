"""The promise by line: automatic lines are coded, only the others go to a person.

Lines of one certificate err together, so that a binomial tail over lines would promise too much. Each certificate
therefore stands for one of its automatic lines, drawn at random: at a threshold the one with the smallest of the random
numbers that its lines were given once. These are independent, one certificate from another, and the tests are those of
:mod:`harness.decision.promise`.

The risk that is promised is that of such a draw: the share of wrong ones among a certificate's automatic lines, on
average over the certificates that have one. Where long certificates err more in each of their lines than short ones do,
the share of wrong ones among all automatic lines is larger than that; ``wrong_lines`` of ``lines`` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.corpus.certificate import BoolArray, FloatArray, IntArray
from harness.decision.promise import Asked, Promise, follow, number, promise_of
from harness.metrics.selective import Int64Array, RiskCoverage, may_be_accepted


@dataclass(frozen=True, slots=True)
class LineCurve:
    """A point for each distinct confidence of a line, the highest first.

    Attributes
    ----------
    points : over certificates: ``accepted`` have an automatic line, ``wrong`` of them are those whose drawn line is
        wrong, ``coverage`` is accepted / n
    lines : (n_points,) automatic lines
    wrong_lines : (n_points,) wrong lines among these
    n : certificates that have a line
    n_lines : all lines
    """

    points: RiskCoverage
    lines: Int64Array
    wrong_lines: Int64Array
    n: int
    n_lines: int

    def expected_coverage(self, risk: float) -> float:
        """On validation: the share of certificates with an automatic line, in hindsight, at a risk of at most that."""
        return float(np.max(self.points.coverage[self.points.risk <= risk], initial=0.0))


def line_curve(
    errors: BoolArray | FloatArray,
    confidence: FloatArray,
    eligible: BoolArray | None,
    certificate_of_line: IntArray,
    *,
    seed: int,
) -> LineCurve:
    """The curve of one random automatic line a certificate.

    Parameters
    ----------
    errors : (n_lines,)
        True or 1.0 where the predicted set of codes of a line differs from the true one.
    confidence : (n_lines,)
        Higher means surer; may be infinite. A NaN is not eligible.
    eligible : (n_lines,)
        False where a gate stopped the line; None where there is no gate.
    certificate_of_line : (n_lines,)
        The place of the line's certificate, from 0 on; in any order.
    seed
        Of the random numbers; the same one gives the same draw.
    """
    n_lines = len(errors)
    n = int(np.count_nonzero(np.bincount(certificate_of_line)))
    draws = np.random.default_rng(seed).integers(0, 2**32, n_lines, dtype=np.uint32)
    mine = np.flatnonzero(may_be_accepted(confidence, eligible))
    values = np.asarray(confidence, dtype=np.float64)[mine]
    order = np.argsort(-values)
    values, mine = values[order], mine[order]
    wrong = np.asarray(errors, dtype=np.bool_)[mine]
    accepted_more, wrong_more = _changes(np.asarray(certificate_of_line)[mine], draws[mine], wrong)

    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True)) if len(values) else np.empty(0, np.int64)
    accepted = np.cumsum(accepted_more, dtype=np.int64)[ends]
    wrong_drawn = np.cumsum(wrong_more, dtype=np.int64)[ends]
    points = RiskCoverage(
        threshold=values[ends],
        coverage=accepted / max(n, 1),
        risk=wrong_drawn / np.maximum(accepted, 1),
        accepted=accepted,
        wrong=wrong_drawn,
    )
    return LineCurve(points, (ends + 1).astype(np.int64), np.cumsum(wrong, dtype=np.int64)[ends], n, n_lines)


def _changes(certificates: IntArray, draws: IntArray, wrong: BoolArray) -> tuple[BoolArray, IntArray]:
    """What each line, from the most confident on, changes in the certificates accepted and in the wrong draws.

    A line stands for its certificate from then on if its random number is the smallest so far; the one that stood for
    it until then no longer does. Each array has shape (n_lines,).
    """
    n = len(certificates)
    # One sort brings the lines of a certificate together, in order of confidence: the place is the lower half of a key.
    keys = (certificates.astype(np.int64) << 32) | np.arange(n, dtype=np.int64)
    keys.sort()
    place, certificate = keys & 0xFFFFFFFF, keys >> 32
    first = np.append(True, certificate[1:] != certificate[:-1])[:n]
    # Later certificates have smaller numbers than all before them, so that one running minimum serves all.
    numbers = draws[place].astype(np.int64) - (certificate << 32)
    smallest = np.minimum.accumulate(numbers)
    stands = first.copy()
    stands[1:] |= numbers[1:] < smallest[:-1]

    holder, begins = place[stands], first[stands]
    now = wrong[holder].astype(np.int8)
    before = np.where(begins, 0, np.append(np.int8(0), now[:-1])[: len(now)])
    accepted_more = np.zeros(n, np.bool_)
    accepted_more[holder] = begins
    wrong_more = np.zeros(n, np.int8)
    wrong_more[holder] = now - before
    return accepted_more, wrong_more


def certify_lines(
    errors: BoolArray | FloatArray,
    confidence: FloatArray,
    eligible: BoolArray | None,
    certificate_of_line: IntArray,
    *,
    risk: float,
    confidence_level: float,
    candidates: int,
    expected_coverage: float,
    seed: int,
    promises: int = 1,
    design_effect: float = 1.0,
    validation_risk: float | None = None,
) -> Promise:
    """Certify one of ``candidates`` frozen candidates on the lines of the calibration certificates.

    Parameters
    ----------
    errors, confidence, eligible, certificate_of_line, seed
        As for :func:`line_curve`.
    expected_coverage
        :meth:`LineCurve.expected_coverage` of validation: a share of certificates, not of lines.
    risk, confidence_level, candidates, promises, design_effect, validation_risk
        As for :func:`harness.decision.promise.certify`; validation's risk is that of its own line curve.

    Returns
    -------
    A promise whose ``accepted``, ``wrong`` and ``n`` count certificates, and whose ``coverage`` is the share of lines
    that are automatic.
    """
    asked = Asked(
        risk, confidence_level, candidates, expected_coverage, promises, design_effect, validation_risk, unit="line"
    )
    curve = line_curve(errors, confidence, eligible, certificate_of_line, seed=seed)
    found = follow(curve.points, curve.lines, curve.n, asked)
    best, reason, lines, wrong_lines = found.best, found.reason, 0, 0
    if best is not None and found.last is not None:
        lines, wrong_lines = int(curve.lines[found.last]), int(curve.wrong_lines[found.last])
        reason = (
            f"promised {asked}: of {number(curve.n_lines, 'calibration line')}, the {lines:,} most confident "
            f"that passed the gate stand on {number(best.accepted, 'certificate')}, and of one drawn from each "
            f"{best.wrong:,} {'is' if best.wrong == 1 else 'are'} wrong"
        )
    coverage = lines / curve.n_lines if curve.n_lines else 0.0
    return promise_of(
        found,
        asked,
        curve.points,
        curve.n,
        reason,
        coverage,
        lines=lines,
        wrong_lines=wrong_lines,
        n_lines=curve.n_lines,
    )
