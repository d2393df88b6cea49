"""Who is certified, and who is picked: pure functions of rows, so that the pick can be made again from them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.files import Row

CANDIDATES = 8  # of each family for the ensemble, so that its cost does not grow with the budget
NEAR = 0.9  # of the best validation objective: persons work from the proposals of the pick
SAME_SPEED = 2.0  # the factor within which the speeds of two models are not told apart


def best_trials(trials: Sequence[Row]) -> list[Row]:
    """The finalists: the best trial of each family, by score and then by number."""
    return sorted(candidates(trials, 1), key=lambda row: str(row["family"]))


def candidates(trials: Sequence[Row], most: int = CANDIDATES) -> list[Row]:
    """The trials of which an ensemble may be made: the ``most`` best of each family; the best of all come first."""
    taken: Counter[str] = Counter()
    found = []
    for row in sorted((row for row in trials if row["score"] is not None and row["status"] != "failed"), key=_rank):
        taken[row["family"]] += 1
        if taken[row["family"]] <= most:
            found.append(row)
    return found


def _rank(trial: Row) -> tuple[float, int, str]:
    """By score, then by number: ``linear-9`` before ``linear-10``, whichever ended first."""
    return -trial["score"], len(trial["trial"]), trial["trial"]


def shortlist(models: Sequence[Row], size: int) -> dict[str, str | None]:
    """For each model None if it is to be certified, else why it is not.

    Of those whose validation objective is near the best's, the ``size`` with the largest validation coverage.
    """
    searched = [row for row in models if row["kind"] != "floor"]
    best = max((row["score"] for row in searched), default=0.0)
    least = best * NEAR if best >= 0 else best / NEAR
    near = [row for row in searched if row["score"] >= least]
    ranked = sorted(near, key=lambda row: (-row["expected_coverage"], -row["score"], row["model"]))
    chosen = {row["model"] for row in ranked[:size]}
    reasons: dict[str, str | None] = {}
    for row in models:
        if row["model"] in chosen:
            reasons[row["model"]] = None
        elif row["kind"] == "floor":
            reasons[row["model"]] = "a floor is scored and never picked"
        elif row["score"] < least:
            reasons[row["model"]] = (
                f"its validation score {row['score']:.4f} is below {NEAR} of the best's ({best:.4f})"
            )
        else:
            reasons[row["model"]] = f"{size} others cover more of the validation year"
    return reasons


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pick may cost: bytes of its models, certificates per second; None where there is no limit."""

    max_bytes: int | None = None
    min_certificates_per_second: float | None = None

    def exceeded(self, model: Row) -> str | None:
        """What of a model's ``bytes`` and ``certificates_per_second`` lies outside; what was not measured does not."""
        size, speed = model.get("bytes"), model.get("certificates_per_second")
        if self.max_bytes is not None and size is not None and size > self.max_bytes:
            return f"its models take {_size(size)}, more than the {_size(self.max_bytes)} of automation.max_bytes"
        least = self.min_certificates_per_second
        if least is not None and speed is not None and speed < least:
            return (
                f"it codes {speed:,g} certificates per second, fewer than the {least:,g} of "
                "automation.min_certificates_per_second"
            )
        return None


NO_LIMITS = Limits()


def shipped_bytes(model: Row, refitted: Mapping[str, Row]) -> int | None:
    """Of a model and of the witnesses that are shipped with it; None where one of them has no size."""
    sizes = [refitted.get(name, {}).get("bytes") for name in (model["model"], *model.get("witnesses", []))]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def pick(
    models: Sequence[Row],
    promises: Mapping[str, Row],
    objective: str,
    *,
    calibration: bool,
    ties: Sequence[Row] = (),
    limits: Limits = NO_LIMITS,
) -> Row:
    """The model for production, with its reasons and those against each other one.

    Within the limits, the certified one with the largest calibration coverage leads; of those that validation does not
    show to cover less (``ties``, see :mod:`harness.experiment.tying`) the cheapest is picked. Where none is certified,
    the best on validation; where none lies within the limits, none.

    Where both units were promised, one's promise holds that of lines under ``line``. Either makes a model certified;
    certificates go before lines.
    """
    searched = sorted((row for row in models if row["kind"] != "floor"), key=_by_score)
    outside = {row["model"]: over for row in searched if (over := limits.exceeded(row)) is not None}
    within = [row for row in searched if row["model"] not in outside]
    certified = [row for row in within if _made(promises.get(row["model"]))]
    if certified:
        won, reasons, against = _of_certified(certified, promises, ties)
    elif within:
        won, reasons, against = _of_validation(within, promises, outside, objective, calibration=calibration)
    else:
        won, against = None, {}
        reasons = ["No model lies within the limits, so none is picked and every certificate goes to a person."]
    name = None if won is None else won["model"]
    rejected = [
        {"model": row["model"], "reason": against.get(row["model"]) or _refused(row, promises, outside)}
        for row in sorted(searched, key=lambda row: str(row["model"]))
        if row["model"] != name
    ]
    if won is not None:
        best = searched[0]
        reasons.append(
            f"Its validation {objective} is {won['score']:.4f}; the best of all is {best['score']:.4f} ({best['model']})."
        )
        if won["kind"] == "ensemble":
            reasons.append(
                f"It is the weighted mean of {weighting(won['parameters'])}; that score is cross-fitted, in sample it is "
                f"{won['score_in_sample']:.4f}."
            )
    return {
        "model": name,
        "family": None if won is None else won["family"],
        "reasons": reasons,
        "promise": None if name is None else promises.get(name),
        "rejected": rejected,
    }


def _by_score(row: Row) -> tuple[float, str]:
    return -row["score"], row["model"]


Choice = tuple[Row, list[str], dict[str, str]]  # the pick, why, and why none of the others


def _of_certified(certified: Sequence[Row], promises: Mapping[str, Row], ties: Sequence[Row]) -> Choice:
    """The cheapest of those in a tie with the one of the largest coverage."""
    ranked = sorted(
        certified,
        key=lambda row: (_uncovered(promises[row["model"]]), -row["expected_coverage"], *_by_score(row)),
    )
    names = [row["model"] for row in ranked]
    lags = {name: lag for name in names[1:] if (lag := _lag(names[0], name, promises, ties)) is not None}
    costs = _costs([row for row in ranked if row["model"] not in lags], promises)
    won = min((row for row in ranked if row["model"] in costs), key=lambda row: costs[row["model"]])
    against = dict(lags)
    for name in costs.keys() - {won["model"]}:
        tied = won["model"] if name == names[0] else names[0]
        how = _how(costs[won["model"]], costs[name])
        against[name] = f"in a tie with {tied} on validation, but {won['model']} {how}"
    return won, _promised(won["model"], names, promises, costs), against


def _promised(won: str, ranked: Sequence[str], promises: Mapping[str, Row], costs: Mapping[str, Cost]) -> list[str]:
    """Why the certified model ``won`` is picked; ``ranked`` are all within the limits, the largest coverage first."""
    covered = f"It promises to code {_coverage_of(promises[won])} without a person"
    others = [f"{name} {_coverage(promises[name])}" for name in ranked if name != won]
    others += [f"{name} none" for name, promise in sorted(promises.items()) if not _made(promise)]
    if won != ranked[0]:
        covered += (
            f"; {ranked[0]} promises {_coverage(promises[ranked[0]])}, but validation does not show that {won} covers "
            f"less, and {won} {_how(costs[won], costs[ranked[0]])}"
        )
    elif others:
        covered += f", the most of the candidates ({', '.join(others)})"
    return [f"{won} is certified: {_reason(promises[won])}.", f"{covered}."]


def _lag(leader: str, name: str, promises: Mapping[str, Row], ties: Sequence[Row]) -> str | None:
    """Why a certified model is behind the leader, or None where it is in a tie with it."""
    most, own = promises[leader], promises[name]
    less = f"it promises {_coverage_of(own)}, and {leader} {_coverage(most)}"
    tie = next((tie for tie in ties if {tie["first"], tie["second"]} == {leader, name}), None)
    if tie is None:  # it was not measured
        return less if _uncovered(own) > _uncovered(most) else None
    ends = (tie["difference"], tie["low"], tie["high"])
    ahead, low, high = ends if tie["first"] == leader else (-ends[0], -ends[2], -ends[1])
    if low <= 0.0:
        return None
    return (
        f"{less}; on validation too it codes fewer without a person, by {100 * ahead:.1f} points "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
    )


Cost = tuple[bool, float, tuple[float, float], float, str]
_CHEAPER = ("is faster", "is smaller", "promises more", "scores better on validation", "comes first by name")


def _costs(tied: Sequence[Row], promises: Mapping[str, Row]) -> dict[str, Cost]:
    """What ranks models in a tie, the cheapest first: speed, then size; where these are equal, coverage and score.

    A speed is measured once, and the machine may do other work then: those near the fastest count as equal to it. What
    was not measured comes last.
    """
    speeds = {row["model"]: row.get("certificates_per_second") or 0.0 for row in tied}
    fast = max(speeds.values()) / SAME_SPEED
    costs: dict[str, Cost] = {}
    for row in tied:
        name, size = row["model"], row.get("bytes")
        slow = speeds[name] < fast
        costs[name] = (slow, math.inf if size is None else size, _uncovered(promises[name]), -row["score"], name)
    return costs


def _how(cheaper: Cost, dearer: Cost) -> str:
    return next(how for how, less, more in zip(_CHEAPER, cheaper, dearer, strict=True) if less != more)


def _of_validation(
    within: Sequence[Row],
    promises: Mapping[str, Row],
    outside: Mapping[str, str],
    objective: str,
    *,
    calibration: bool,
) -> Choice:
    """The best on validation, where none is certified."""
    won, why = within[0], "there are no calibration years"
    if calibration:
        why = f"no candidate {'within the limits ' if outside else ''}could be certified"
    reasons = [
        f"{won['model']} is the best on validation; {why}, so nothing is promised and every certificate goes to a person."
    ]
    for name, promise in sorted(promises.items()):
        over = f", but {outside[name]}" if name in outside else ""
        reasons.append(f"{name}: {_reason(promise)}{over}.")
    return won, reasons, {row["model"]: _worse(won, row, objective) for row in within[1:]}


def _worse(won: Row, row: Row, objective: str) -> str:
    if row["score"] == won["score"]:
        return f"its validation {objective} equals that of {won['model']}, which comes first by name"
    return f"its validation {objective} is {row['score']:.4f}, below the {won['score']:.4f} of {won['model']}"


def _refused(row: Row, promises: Mapping[str, Row], outside: Mapping[str, str]) -> str:
    """Why a model could not be picked, whatever the others are."""
    name = row["model"]
    if name in outside:
        return f"outside the limits: {outside[name]}"
    if name in promises:
        return f"not certified: {_reason(promises[name])}"
    return f"not shortlisted: {row['reason']}" if row.get("reason") else "not certified"


def _parts(promise: Row) -> list[Row]:
    """The promises of one model: of the unit that was asked, or of certificates and lines."""
    return [promise, promise["line"]] if "line" in promise else [promise]


def _made(promise: Row | None) -> bool:
    return promise is not None and any(part["made"] for part in _parts(promise))


def _uncovered(promise: Row) -> tuple[float, float]:
    """What ranks promises, the best first: less its coverage, and less that of lines where both were promised."""
    main, line = (*(-part["coverage"] if part["made"] else 0.0 for part in _parts(promise)), 0.0)[:2]
    return main, line


def _reason(promise: Row) -> str:
    return "; ".join(part["reason"] for part in _parts(promise))


def _coverage(promise: Row) -> str:
    """``40.0 %``, or of both units ``40.0 % and 55.0 % of lines``."""
    main, *line = (f"{100 * part['coverage']:.1f} %" if part["made"] else "none" for part in _parts(promise))
    return " and ".join([main, *(f"{share} of lines" for share in line)])


def _coverage_of(promise: Row) -> str:
    """``40.0 % of the calibration certificates``, or so of both units."""
    return " and ".join(
        f"{100 * part['coverage']:.1f} % of the calibration {part.get('unit', 'certificate')}s"
        if part["made"]
        else f"none of the calibration {part.get('unit', 'certificate')}s"
        for part in _parts(promise)
    )


def _size(n: int) -> str:
    """In the units of the configuration, 2^10 each."""
    if n < 2**10:
        return f"{n} B"
    return f"{n / 2**10:,.1f} KB" if n < 2**20 else f"{n / 2**20:,.1f} MB"


def weighting(weights: Mapping[str, float]) -> str:
    """The members of an ensemble with their weights, the largest first."""
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} ({weight:.2f})" for name, weight in ranked)
