"""The decision rule: from scores to codes, and to "automatic" or "to a person". What is scored is what is shipped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from harness.corpus.certificate import BoolArray, IntArray, LabelSet, Texts
from harness.decision.always import always_seen
from harness.decision.confidence import Learnt, confidence
from harness.decision.observed import Observed, Seen, observe
from harness.decision.promise import Promise
from harness.decision.recalibration import IDENTITY, Recalibration
from harness.decision.textgate import TextGate
from harness.errors import RunError
from harness.families.family import Predictions, Written
from harness.families.saved import Fitted
from harness.files import write_json

UNSEEN_WORD, OUTSIDE, DISAGREEMENT = "unseen_word", "outside_reference", "disagreement"
GATES = (UNSEEN_WORD, OUTSIDE, DISAGREEMENT)
DEFAULT_GATES = (UNSEEN_WORD, OUTSIDE)


class Reason(IntEnum):
    """Why a certificate or a line is automatic, or goes to a person."""

    AUTOMATIC = 0
    NO_CODE = 1
    UNSEEN_WORD = 2
    ALWAYS_PERSON = 3
    NO_PROMISE = 4
    NOT_SURE = 5
    UNKNOWN_CHARACTER = 6
    TOO_LONG = 7
    OTHER_LANGUAGE = 8
    DISAGREEMENT = 9
    SOME_LINE = 10

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
    Reason.UNKNOWN_CHARACTER: "a character that training never had",
    Reason.TOO_LONG: "longer than any text of training",
    Reason.OTHER_LANGUAGE: "not written like the texts of training",
    Reason.DISAGREEMENT: "a witness gives other codes",
    Reason.SOME_LINE: "a line of it goes to a person",
}
# Of several gates that stop a unit, the last one here is named.
_GATED = (
    Reason.DISAGREEMENT,
    Reason.ALWAYS_PERSON,
    Reason.UNSEEN_WORD,
    Reason.OTHER_LANGUAGE,
    Reason.TOO_LONG,
    Reason.UNKNOWN_CHARACTER,
    Reason.NO_CODE,
)


@dataclass(frozen=True, slots=True)
class UnitRule:
    """How sure the model is of one kind of unit, certificates or lines, and from where on that is enough.

    Attributes
    ----------
    estimator : of the confidence, by name
    recalibration : makes probabilities of the scores that the estimator reads
    learnt : the weights of a learned confidence, None for every other estimator
    promise : what calibration allows to promise, None where it was not asked
    """

    estimator: str
    recalibration: Recalibration = IDENTITY
    learnt: Learnt | None = None
    promise: Promise | None = None

    @property
    def least_confidence(self) -> float | None:
        """From which confidence on a unit is automatic; None where nothing is promised."""
        return self.promise.threshold if self.promise is not None and self.promise.made else None

    def confidence(self, observed: Observed) -> npt.NDArray[np.float64]:
        """Larger is surer; (n,)."""
        return confidence(self.estimator, replace(observed.evidence, recalibration=self.recalibration), self.learnt)

    def to_dict(self) -> dict[str, Any]:
        return {
            "estimator": self.estimator,
            "recalibration": self.recalibration.to_dict(),
            "learnt": None if self.learnt is None else self.learnt.to_dict(),
            "promise": None if self.promise is None else self.promise.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> UnitRule:
        """The inverse of :meth:`to_dict`."""
        return cls(
            values["estimator"],
            Recalibration.from_dict(values["recalibration"]),
            None if values["learnt"] is None else Learnt.from_dict(values["learnt"]),
            None if values["promise"] is None else Promise.from_dict(values["promise"]),
        )


@dataclass(frozen=True, slots=True)
class Witness:
    """Another model whose agreement is asked, and the threshold from which its codes are chosen."""

    model: str
    threshold: float


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Frozen on validation; only :meth:`certified` and :meth:`refitted` make a new one.

    Attributes
    ----------
    threshold : from which a code is chosen
    certificate, line : how sure one must be of each kind of unit; no rule for lines where the model scores none
    gate : what it knows of training's texts
    gates : of ``GATES``, those that stop a unit
    witnesses : whose agreement is asked
    always_person : codes and ranges of codes that a person always sees
    """

    threshold: float
    certificate: UnitRule
    gate: TextGate
    line: UnitRule | None = None
    gates: tuple[str, ...] = DEFAULT_GATES
    witnesses: tuple[Witness, ...] = ()
    always_person: tuple[str, ...] = ()

    def certified(self, certificate: Promise | None, line: Promise | None = None) -> DecisionRule:
        """The same rule with what calibration allowed."""
        lines = None if self.line is None else replace(self.line, promise=line)
        return replace(self, certificate=replace(self.certificate, promise=certificate), line=lines)

    def refitted(self, gate: TextGate) -> DecisionRule:
        """The same rule after the model was fitted again: only what it knows of texts is new."""
        return replace(self, gate=gate)

    def stops(self) -> list[str]:
        """What always goes to a person, in words."""
        said = ["a certificate without any predicted code"]
        if UNSEEN_WORD in self.gates:
            said.append(
                "a word of three or more letters that stood neither in training nor in code list or dictionaries"
            )
        if OUTSIDE in self.gates:
            said.append("a certificate much longer than those of training, in other characters or in another language")
        if DISAGREEMENT in self.gates and self.witnesses:
            said.append(f"other codes than {' and '.join(witness.model for witness in self.witnesses)} would give")
        if self.always_person:
            said.append(f"a code of {', '.join(self.always_person)}")
        return said

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        values = {
            "threshold": self.threshold,
            "certificate": self.certificate.to_dict(),
            "line": None if self.line is None else self.line.to_dict(),
            "gates": list(self.gates),
            "witnesses": [{"model": witness.model, "threshold": witness.threshold} for witness in self.witnesses],
            "always_person": list(self.always_person),
        }
        write_json(folder / "rule.json", values)
        self.gate.save(folder)

    @classmethod
    def load(cls, folder: Path) -> DecisionRule:
        values: dict[str, Any] = json.loads((folder / "rule.json").read_text(encoding="utf-8"))
        if "certificate" not in values:
            raise RunError("a rule must be of this version, but this one is of an earlier: start a new run (rule.json)")
        return cls(
            threshold=values["threshold"],
            certificate=UnitRule.from_dict(values["certificate"]),
            line=None if values["line"] is None else UnitRule.from_dict(values["line"]),
            gate=TextGate.load(folder),
            gates=tuple(values["gates"]),
            witnesses=tuple(Witness(**witness) for witness in values["witnesses"]),
            always_person=tuple(values["always_person"]),
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of n units of one kind.

    Attributes
    ----------
    codes : (n, n_labels) indicator matrix
    confidence : (n,) larger is surer
    eligible : (n,) False where a gate stopped the unit, whatever the confidence
    reason : (n,) of :class:`Reason`
    """

    codes: csr_array
    confidence: npt.NDArray[np.float64]
    eligible: BoolArray
    reason: npt.NDArray[np.int8]

    @property
    def automatic(self) -> BoolArray:
        automatic: BoolArray = self.reason == Reason.AUTOMATIC
        return automatic

    def __getitem__(self, rows: slice) -> Decided:
        return Decided(self.codes[rows], self.confidence[rows], self.eligible[rows], self.reason[rows])


@dataclass(frozen=True, slots=True)
class Decisions(Decided):
    """What a candidate says of some certificates, and of their lines.

    Attributes
    ----------
    labels : the model's codes
    lines : of the lines, or None where the model looks at whole certificates
    written : what the model wrote of each line, or of each certificate where it looks at whole ones, whatever the
        threshold and the gates; None where it does not write
    """

    labels: LabelSet = field(kw_only=True)
    lines: Decided | None = field(default=None, kw_only=True)
    written: Written | None = field(default=None, kw_only=True)


def decide(
    rule: DecisionRule, predictions: Predictions, texts: Texts, witnesses: Mapping[str, Predictions] | None = None
) -> Decisions:
    """Apply a rule to a model's scores of some certificates; ``witnesses`` holds the predictions of those it names."""
    return decide_seen(rule, seen(rule, predictions, texts, witnesses), predictions, texts)


def seen(
    rule: DecisionRule, predictions: Predictions, texts: Texts, witnesses: Mapping[str, Predictions] | None = None
) -> Seen:
    """What a rule looks at of some certificates."""
    asked = [(witness.threshold, (witnesses or {})[witness.model]) for witness in rule.witnesses]
    return observe(rule.threshold, predictions, texts, rule.gate, asked)


def decide_seen(rule: DecisionRule, found: Seen, predictions: Predictions, texts: Texts) -> Decisions:
    """The same where :func:`seen` has looked already.

    Where one kind of unit alone is promised, the other goes by it: a certificate needs no person if none of its lines
    does, and a line is decided as its certificate is.
    """
    always = np.array([always_seen(code, rule.always_person) for code in predictions.labels.codes], dtype=bool)
    certificates = _decided(rule, rule.certificate, found.certificates, always, found.certificates)
    lines = None
    if found.lines is not None and rule.line is not None:
        lines = _decided(rule, rule.line, found.lines, always, found.certificates, texts.certificate_of_line)
        if rule.certificate.promise is None and rule.line.least_confidence is not None:
            certificates = replace(certificates, reason=_by_lines(certificates, lines, texts))
        elif rule.certificate.promise is not None and rule.line.promise is None:
            lines = replace(lines, reason=certificates.reason[texts.certificate_of_line])
    return Decisions(
        certificates.codes,
        certificates.confidence,
        certificates.eligible,
        certificates.reason,
        labels=predictions.labels,
        lines=lines,
        written=predictions.written,
    )


def _decided(
    rule: DecisionRule,
    unit: UnitRule,
    found: Observed,
    always: BoolArray,
    whole: Observed,
    of: IntArray | slice = slice(None),
) -> Decided:
    """Decide units of one kind, of which ``of`` names the certificates; a text is outside the reference as a whole."""
    n = found.codes.shape[0]
    sure = unit.confidence(found)
    reason = np.full(n, Reason.NO_PROMISE, dtype=np.int8)
    if unit.least_confidence is not None:
        reason[:] = np.where(sure >= unit.least_confidence, Reason.AUTOMATIC, Reason.NOT_SURE)
    row = np.repeat(np.arange(n), np.diff(found.codes.indptr))
    held = np.bincount(row[always[found.codes.indices]], minlength=n) > 0
    stopped: dict[Reason, BoolArray] = {
        Reason.ALWAYS_PERSON: held,
        Reason.NO_CODE: np.diff(found.codes.indptr) == 0,
    }
    if UNSEEN_WORD in rule.gates:
        stopped[Reason.UNSEEN_WORD] = found.looked.unseen_words > 0
    if OUTSIDE in rule.gates:
        stopped[Reason.UNKNOWN_CHARACTER] = whole.looked.unknown_character[of]
        stopped[Reason.TOO_LONG] = whole.looked.too_long[of]
        stopped[Reason.OTHER_LANGUAGE] = whole.looked.other_language[of]
    if DISAGREEMENT in rule.gates:
        stopped[Reason.DISAGREEMENT] = found.disagreement
    eligible = np.ones(n, dtype=bool)
    for name in _GATED:
        if name in stopped:
            reason[stopped[name]] = name
            eligible &= ~stopped[name]
    return Decided(found.codes, sure, eligible, reason)


def _by_lines(certificates: Decided, lines: Decided, texts: Texts) -> npt.NDArray[np.int8]:
    """Where lines alone are promised: a certificate needs no person if none of its lines does."""
    others = np.bincount(texts.certificate_of_line, weights=~lines.automatic, minlength=len(texts)) > 0
    all_lines = ~others & (np.diff(texts.first_line) > 0)
    by_line = np.where(all_lines, Reason.AUTOMATIC, Reason.SOME_LINE).astype(np.int8)
    reason: npt.NDArray[np.int8] = np.where(certificates.eligible, by_line, certificates.reason).astype(np.int8)
    return reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted model with its rule, and the fitted witnesses that the rule names."""

    model: Fitted
    rule: DecisionRule
    witnesses: Mapping[str, Fitted] = field(default_factory=dict)


def predict(candidate: Candidate, texts: Texts) -> Decisions:
    """What scoring and production both call."""
    return judge_texts(candidate, texts)[1]


def judge_texts(candidate: Candidate, texts: Texts) -> tuple[Seen, Decisions]:
    """What a candidate looked at, and what it decided."""
    witnesses = {name: model.predict(texts) for name, model in candidate.witnesses.items()}
    predictions = candidate.model.predict(texts)
    found = seen(candidate.rule, predictions, texts, witnesses)
    return found, decide_seen(candidate.rule, found, predictions, texts)


def needed(witnesses: Sequence[Witness], units: Sequence[UnitRule], gates: tuple[str, ...]) -> tuple[Witness, ...]:
    """The witnesses, or none of them where neither a gate nor an estimator asks them."""
    asks = DISAGREEMENT in gates or any(
        unit.estimator == "agreement" or (unit.learnt is not None and "agreement" in unit.learnt.features)
        for unit in units
    )
    return tuple(witnesses) if asks else ()
