"""The decision rule: from scores to codes, and to "automatic" or "to a person". What is scored is what is shipped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, LabelSet, Texts
from harness.decision.confidence import confidence
from harness.decision.novelty import UnseenWords
from harness.decision.objective import chosen
from harness.decision.promise import Promise
from harness.errors import ConfigError
from harness.families.family import Predictions, Written
from harness.families.saved import Fitted
from harness.files import write_json, write_text

_CODE = r"[A-Z]\d[0-9A-Z][0-9A-Z.]*"  # of the ICD, with or without its dot


class Reason(IntEnum):
    """Why a certificate is automatic, or goes to a person; the first that holds."""

    AUTOMATIC = 0
    NO_CODE = 1
    UNSEEN_WORD = 2
    ALWAYS_PERSON = 3
    NO_PROMISE = 4
    NOT_SURE = 5

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Mapping[Reason, str] = {
    Reason.AUTOMATIC: "sure enough",
    Reason.NO_CODE: "no code predicted",
    Reason.UNSEEN_WORD: "a word that training never had",
    Reason.ALWAYS_PERSON: "a code that a person always sees",
    Reason.NO_PROMISE: "no promise could be made",
    Reason.NOT_SURE: "not sure enough",
}


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Frozen on validation; only :meth:`certified` and :meth:`refitted` make a new one."""

    threshold: float
    estimator: str
    gate: UnseenWords
    always_person: tuple[str, ...] = ()
    promise: Promise | None = None

    @property
    def least_confidence(self) -> float | None:
        """From which confidence on a certificate is automatic; None where nothing is promised."""
        return self.promise.threshold if self.promise is not None and self.promise.made else None

    def certified(self, promise: Promise) -> DecisionRule:
        """The same rule with what calibration allowed."""
        return replace(self, promise=promise)

    def refitted(self, gate: UnseenWords) -> DecisionRule:
        """The same rule after the model was fitted again: only the gate's vocabulary is new."""
        return replace(self, gate=gate)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        values = {
            "threshold": self.threshold,
            "estimator": self.estimator,
            "always_person": list(self.always_person),
            "promise": None if self.promise is None else self.promise.to_dict(),
        }
        write_json(folder / "rule.json", values)
        write_text(folder / "words.txt", "".join(f"{word}\n" for word in self.gate.known.to_pylist()))

    @classmethod
    def load(cls, folder: Path) -> DecisionRule:
        values: dict[str, Any] = json.loads((folder / "rule.json").read_text(encoding="utf-8"))
        known = (folder / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
        return cls(
            threshold=values["threshold"],
            estimator=values["estimator"],
            gate=UnseenWords(pa.array(known, type=pa.large_string())),
            always_person=tuple(values["always_person"]),
            promise=None if values["promise"] is None else Promise.from_dict(values["promise"]),
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a candidate says of some certificates.

    Attributes
    ----------
    labels : the model's codes
    codes : (n, n_labels) indicator matrix
    confidence : (n,) larger is surer
    eligible : (n,) False where a gate stopped the certificate, whatever the confidence
    reason : (n,) of :class:`Reason`
    line_codes : (n_lines, n_labels) indicator matrix of the lines, or None where the model looks at whole certificates
    written : what the model wrote of each line, or of each certificate where it looks at whole ones, whatever the
        threshold and the gates; None where it does not write
    """

    labels: LabelSet
    codes: csr_array
    confidence: npt.NDArray[np.float64]
    eligible: BoolArray
    reason: npt.NDArray[np.int8]
    line_codes: csr_array | None = None
    written: Written | None = None

    @property
    def automatic(self) -> BoolArray:
        automatic: BoolArray = self.reason == Reason.AUTOMATIC
        return automatic


def decide(rule: DecisionRule, predictions: Predictions, texts: Texts) -> Decisions:
    """Apply a rule to a model's scores of some certificates."""
    codes = chosen(predictions.scores, rule.threshold)
    sure = confidence(rule.estimator, predictions.scores, rule.threshold)
    reason = np.full(len(texts), Reason.NO_PROMISE, dtype=np.int8)
    if rule.least_confidence is not None:
        reason[:] = np.where(sure >= rule.least_confidence, Reason.AUTOMATIC, Reason.NOT_SURE)
    always = np.array([always_seen(code, rule.always_person) for code in predictions.labels.codes], dtype=bool)
    row = np.repeat(np.arange(len(texts)), np.diff(codes.indptr))
    if always.any():
        reason[row[always[codes.indices]]] = Reason.ALWAYS_PERSON
    reason[rule.gate.stops(texts)] = Reason.UNSEEN_WORD
    reason[np.diff(codes.indptr) == 0] = Reason.NO_CODE
    gated = np.isin(reason, (Reason.NO_CODE, Reason.UNSEEN_WORD, Reason.ALWAYS_PERSON))
    lines = None if predictions.line_scores is None else chosen(predictions.line_scores, rule.threshold)
    return Decisions(predictions.labels, codes, sure, ~gated, reason, lines, predictions.written)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted model with its rule."""

    model: Fitted
    rule: DecisionRule


def predict(candidate: Candidate, texts: Texts) -> Decisions:
    """What scoring and production both call."""
    return decide(candidate.rule, candidate.model.predict(texts), texts)


def always_seen(code: str, patterns: tuple[str, ...]) -> bool:
    """Whether a code is one of ``patterns``, lies below it, or within a range such as ``O00-O99``."""
    for pattern in patterns:
        first, _, last = pattern.partition("-")
        below = first if "." in first or re.fullmatch(_CODE, first) else f"{first}."
        if not last and (code == first or code.startswith(below)):
            return True
        if last and first <= code[: len(first)] and code[: len(last)] <= last:
            return True
    return False


def check_patterns(patterns: tuple[str, ...]) -> None:
    """Refuse a pattern that is neither a code nor a range of codes.

    Raises
    ------
    ConfigError
        One line that names the pattern.
    """
    for pattern in patterns:
        first, dash, last = pattern.partition("-")
        is_range = re.fullmatch(f"{_CODE}-{_CODE}", pattern) is not None and first <= last
        if not first or pattern != pattern.strip() or (dash and not is_range):
            raise ConfigError(
                f'automation.always_person must hold codes or ranges such as "O00-O99", but got {pattern!r}'
            )
