"""Everything of a rule that is chosen on validation, chosen and frozen: the same for a run, a roll forward and a back-test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from harness.config import RunConfig
from harness.corpus.certificate import BoolArray, Corpus, LabelSet, Texts, numbered
from harness.decision.choosing import Choice, choose, hits
from harness.decision.observed import Observed
from harness.decision.promise import risk_at_start
from harness.decision.promise_lines import line_curve
from harness.decision.rule import Decided, DecisionRule, UnitRule, Witness, decide_seen, needed, seen
from harness.decision.textgate import TextGate
from harness.experiment.scoring import expected, judge, judge_lines
from harness.families.family import Predictions
from harness.files import Row
from harness.metrics import selective
from harness.metrics.design import design_effect


@dataclass(frozen=True, slots=True)
class Frozen:
    """A model's rule, what its row says of it, and how sure it is of each validation unit, out of its fold."""

    rule: DecisionRule
    row: Row
    confidences: Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Validation:
    """What rules are frozen on.

    Attributes
    ----------
    gate : what was learnt of training's texts
    later : the clusters of calibration's certificates, None where there are none; no code of them is read
    """

    config: RunConfig
    corpus: Corpus
    gate: TextGate
    later: pa.Array | None = None

    def freeze(
        self, model: Row, predictions: Predictions, asked: Sequence[tuple[Row, Predictions]], *, learnt: bool = False
    ) -> Frozen:
        """Choose how a model's confidence is read, and which of its possible witnesses are asked.

        Parameters
        ----------
        model : with its ``threshold``
        predictions : of validation
        asked : other models with their thresholds, and their predictions of validation
        learnt : whether a learned confidence may be chosen
        """
        rule = DecisionRule(
            threshold=model["threshold"],
            certificate=UnitRule("product"),
            line=None if predictions.line_scores is None else UnitRule("product"),
            gate=self.gate,
            gates=self.config.automation.gates,
            witnesses=tuple(Witness(row["model"], row["threshold"]) for row, _ in asked),
            always_person=self.config.automation.always_person,
        )
        kept = {row["model"]: its for row, its in asked}
        found = seen(rule, predictions, self.corpus.texts, kept)
        decisions = decide_seen(rule, found, predictions, self.corpus.texts)
        labels, errors = predictions.labels, judge(self.corpus, decisions).errors
        whole = self._choice(found.certificates, decisions, errors, labels, self.corpus.codes, None, learnt)
        row: Row = {
            "estimator": whole.unit.estimator,
            "recalibration": whole.unit.recalibration.kind,
            "confidences": whole.areas,
            "expected": {"certificate": self._expected(errors, whole, decisions)},
            "design_effect": self._design_effect(errors, whole, decisions),
        }
        confidences = {"certificate": whole.kept(decisions.eligible)}
        rule = replace(rule, certificate=whole.unit)
        if found.lines is not None and decisions.lines is not None and self.corpus.by_line is not None:
            true = self.corpus.by_line.matrix(len(self.corpus.labels))
            wrong = judge_lines(self.corpus, decisions)
            lines = self._choice(found.lines, decisions.lines, wrong, labels, true, self.corpus.texts, learnt)
            row |= {
                "line_estimator": lines.unit.estimator,
                "line_recalibration": lines.unit.recalibration.kind,
                "line_confidences": lines.areas,
            }
            row["expected"]["line"] = self._expected_lines(wrong, lines, decisions.lines)
            confidences["line"] = lines.kept(decisions.lines.eligible)
            rule = replace(rule, line=lines.unit)
        units = [unit for unit in (rule.certificate, rule.line) if unit is not None]
        rule = replace(rule, witnesses=needed(rule.witnesses, units, rule.gates))
        main = "line" if self.config.promise.unit == "line" else "certificate"
        row |= {
            "expected_coverage": row["expected"].get(main, {}).get("coverage", 0.0),
            "witnesses": [witness.model for witness in rule.witnesses],
        }
        return Frozen(rule, row, confidences)

    def _expected(self, errors: BoolArray, choice: Choice, decided: Decided) -> Row:
        """What validation lets us expect of calibration: coverage in hindsight, and the risk where a sequence starts."""
        coverage = expected(errors, choice.confidence, decided.eligible, self.config.promise.risk)
        curve = selective.risk_coverage(errors, choice.confidence, decided.eligible)
        return {"coverage": coverage, "risk": risk_at_start(curve, coverage)}

    def _expected_lines(self, errors: BoolArray, choice: Choice, decided: Decided) -> Row:
        """The same of one random automatic line a certificate."""
        curve = line_curve(
            errors,
            choice.confidence,
            decided.eligible,
            self.corpus.texts.certificate_of_line,
            seed=self.config.search.seed,
        )
        coverage = curve.expected_coverage(self.config.promise.risk)
        return {"coverage": coverage, "risk": risk_at_start(curve.points, coverage)}

    def _design_effect(self, errors: BoolArray, choice: Choice, decided: Decided) -> float:
        """How much less certificates tell that come from one certifier or office; 1 without such a column."""
        clusters = self.corpus.cluster_numbers()
        if clusters is None:
            return 1.0
        risk = self.config.promise.risk
        curve = selective.risk_coverage(errors, choice.confidence, decided.eligible)
        least = curve.threshold[curve.risk <= risk]
        automatic = choice.kept(decided.eligible) >= (least[-1] if len(least) else np.inf)
        later = None if self.later is None else numbered(self.later)
        return design_effect(errors, clusters, automatic, later) or 1.0

    def _choice(
        self,
        found: Observed,
        decided: Decided,
        errors: BoolArray,
        labels: LabelSet,
        y_true: csr_array,
        texts: Texts | None,
        learnt: bool,
    ) -> Choice:
        """How sure one must be of certificates, or of lines where their ``texts`` are given."""
        return choose(
            found.evidence,
            hits(labels, found.evidence.scores, self.corpus.labels, y_true),
            errors,
            decided.eligible,
            np.arange(len(errors)) if texts is None else texts.certificate_of_line,
            learnt=learnt,
            asked=self.config.automation.estimators,
            seed=self.config.search.seed,
        )
