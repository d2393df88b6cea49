"""Who is certified, and who is picked: pure functions of rows, so that the pick can be made again from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.files import Row

CANDIDATES = 8  # of each family for the ensemble, so that its cost does not grow with the budget
NEAR = 0.9  # of the best validation objective: persons work from the proposals of the pick


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


def pick(models: Sequence[Row], promises: dict[str, Row], objective: str, *, calibration: bool) -> Row:
    """The model for production, with its reasons.

    The certified one with the largest calibration coverage; where none is certified, the best on validation.
    """
    searched = [row for row in models if row["kind"] != "floor"]
    certified = [row for row in searched if promises.get(row["model"], {}).get("made")]
    by_score = sorted(searched, key=lambda row: (-row["score"], row["model"]))
    if certified:
        certified.sort(key=lambda row: (-promises[row["model"]]["coverage"], -row["score"], row["model"]))
        won = certified[0]
        promise: Row | None = promises[won["model"]]
        reasons = [f"{won['model']} is certified: {promises[won['model']]['reason']}."]
        others = [f"{row['model']} {100 * promises[row['model']]['coverage']:.1f} %" for row in certified[1:]] + [
            f"{name} none" for name, other in sorted(promises.items()) if not other["made"]
        ]
        covered = f"It promises to code {100 * promises[won['model']]['coverage']:.1f} % of the calibration certificates without a person"
        reasons.append(f"{covered}, the most of the candidates ({', '.join(others)})." if others else f"{covered}.")
    else:
        won = by_score[0]
        promise = promises.get(won["model"])
        why = "no candidate could be certified" if calibration else "there are no calibration years"
        reasons = [
            f"{won['model']} is the best on validation; {why}, so nothing is promised and every certificate goes to a person."
        ]
        reasons += [f"{name}: {other['reason']}." for name, other in sorted(promises.items())]
    reasons.append(
        f"Its validation {objective} is {won['score']:.4f}; the best of all is {by_score[0]['score']:.4f} ({by_score[0]['model']})."
    )
    if won["kind"] == "ensemble":
        reasons.append(
            f"It is the weighted mean of {weighting(won['parameters'])}; that score is cross-fitted, in sample it is "
            f"{won['score_in_sample']:.4f}."
        )
    return {"model": won["model"], "family": won["family"], "reasons": reasons, "promise": promise}


def weighting(weights: Mapping[str, float]) -> str:
    """The members of an ensemble with their weights, the largest first."""
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} ({weight:.2f})" for name, weight in ranked)
