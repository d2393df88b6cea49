"""Which models have a promise, and of what: of certificates, or of their lines."""

from __future__ import annotations

from collections.abc import Mapping

from harness.files import Row
from harness.leaderboard.audit import CERTIFICATE, LINE, parts_of, unit_of
from harness.leaderboard.rows import Evidence, number, shown_promise

__all__ = ["CERTIFICATE", "LINE", "asked_first", "asked_risk", "is_made", "picks", "promise_of", "shown_unit"]


def picks(evidence: Evidence) -> frozenset[str]:
    """The pick; where several runs are shown as one, that of each."""
    return evidence.picks | ({evidence.picked} if evidence.picked is not None else frozenset())


def shown_unit(evidence: Evidence) -> str:
    """The unit of the promise that the page puts first: one that is made, else the one that was asked for first."""
    return _unit([shown_promise(promise) for promise in _of_picks(evidence)])


def asked_first(evidence: Evidence) -> str:
    """The unit that was asked for first, which a back-test is of."""
    return _unit(_of_picks(evidence))


def promise_of(evidence: Evidence, model: str, unit: str) -> Row | None:
    """A model's promise of this unit, made or not; None where none was asked for."""
    return next((one for one in parts_of(_promises(evidence).get(model)) if unit_of(one) == unit), None)


def is_made(evidence: Evidence, model: str, unit: str) -> bool:
    return bool((promise_of(evidence, model, unit) or {}).get("made"))


def asked_risk(evidence: Evidence, unit: str) -> float | None:
    """The risk that was asked for of this unit; None where it was not, and where runs side by side differ in it."""
    found = {number((promise_of(evidence, model, unit) or {}).get("risk")) for model in _promises(evidence)} - {None}
    return found.pop() if len(found) == 1 else None


def _of_picks(evidence: Evidence) -> list[Row | None]:
    promises = _promises(evidence)
    return [promises.get(model) for model in sorted(picks(evidence))]


def _unit(promises: list[Row | None]) -> str:
    """Lines where all that is promised is of lines."""
    units = {unit_of(promise) for promise in promises if promise}
    return LINE if units == {LINE} else CERTIFICATE


def _promises(evidence: Evidence) -> Mapping[str, Row | None]:
    """By model: what certification left, else what the pick says of its shortlist and of itself."""
    pick = evidence.pick or {}
    found = {str(one["model"]): one.get("promise") for one in pick.get("shortlist") or []}
    if evidence.picked is not None and pick.get("promise"):
        found[evidence.picked] = pick["promise"]
    return found | ((evidence.certified or {}).get("promises") or {})
