"""A study by its kind: every kind has its own words for its arms, for what they gain, and for what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.files import Row
from harness.leaderboard.glossary import Term
from harness.leaderboard.language import say
from harness.leaderboard.study import normalise, transfer
from harness.leaderboard.study.gains import Finding
from harness.leaderboard.study.tables import Column, GainGroup
from harness.run.study import NORMALISATION, NORMALISER, TRANSFER, StudyFolder


class Words(Protocol):
    """What a kind of study says in its own way.

    Attributes
    ----------
    TEMPLATE : of its page
    USES : what the years of each role are for
    TERMS : the glossary
    FITS, KEYS : columns of a fit, on the page and in the download
    """

    @property
    def TEMPLATE(self) -> str: ...  # noqa: N802  (a module's constant)
    @property
    def USES(self) -> Mapping[str, str]: ...  # noqa: N802
    @property
    def TERMS(self) -> Sequence[Term]: ...  # noqa: N802
    @property
    def FITS(self) -> Sequence[Column]: ...  # noqa: N802
    @property
    def KEYS(self) -> Sequence[str]: ...  # noqa: N802

    def label(self, arm: str) -> str:
        """An arm as the page calls it."""

    def findings(self, study: StudyFolder) -> tuple[Finding, ...]:
        """The answers to what the study asks, the first question first; none while nothing is compared."""

    def gain_groups(self, rows: Sequence[Row]) -> tuple[GainGroup, ...]:
        """Every gain, on all codes and on each band of them."""


KINDS: Mapping[str, Words] = {TRANSFER: transfer, NORMALISATION: normalise}


def words(study: StudyFolder) -> Words:
    return KINDS[study.meta()["kind"]]


def findings(study: StudyFolder) -> tuple[Finding, ...]:
    """The answers to what the study asks, the first question first; none while nothing is compared."""
    return words(study).findings(study)


def unfinished(study: StudyFolder) -> str:
    """What is not done yet, in words; empty where all is. An arm without a finished trial is not fitted."""
    meta, tuned, n_fits = study.meta(), study.tuned(), len(study.rows())
    n_arms = len(meta["arms"])
    if len(tuned) < n_arms and meta["kind"] == NORMALISATION and study.stage(NORMALISER) is None:
        return say("{n} of {arms} arms are tuned, the normaliser is not made yet", n=len(tuned), arms=n_arms)
    if len(tuned) < n_arms:
        return say("{n} of {arms} arms are tuned", n=len(tuned), arms=n_arms)
    wanted = sum(row["parameters"] is not None for row in tuned) * len(meta["sizes"]) * meta["seeds"]
    return "" if n_fits >= wanted else say("{n} of {fits} fits are done", n=n_fits, fits=wanted)
