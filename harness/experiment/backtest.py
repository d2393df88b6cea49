"""The back-test: what would have been promised in past years, and whether the next year kept it.

A window moves all roles into the past: trained up to a year, validated on the next, certified on the next, audited on
the next; with a refit on training and validation, and without. The model's hyper-parameters are those of the run: in a
window whose years are older than the run's validation they have seen later years, which is said. Only windows whose
audit year is not later than validation may steer a choice; the others are reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.corpus.certificate import Corpus
from harness.corpus.store import Slice, Store
from harness.decision.audit import verdict_of
from harness.decision.confidence import LEARNT
from harness.decision.objective import objective
from harness.decision.rule import DecisionRule, Decisions, decide
from harness.decision.textgate import TextGate
from harness.experiment.freezing import Validation
from harness.experiment.promising import LINE, promises, units
from harness.experiment.replaying import Files, Replayed
from harness.experiment.scoring import interval, judge, judge_lines
from harness.experiment.work import Work
from harness.files import Row
from harness.metrics import selective
from harness.search.worker import Failure

FIGURE = "backtest"
NO_YEARS = "a back-test needs four years that follow one another"
BY_COLUMN = "a column gives the roles, so that years do not part them"


@dataclass(frozen=True, slots=True)
class Window:
    """Years of one window, and their rows of the store; ``train`` are all years up to the one before validation."""

    train: tuple[Slice, ...]
    validation: Slice
    calibration: Slice
    audit: Slice
    years: tuple[tuple[int, ...], int, int, int]


def windows(store: Store) -> list[Window]:
    """All that the store's years allow, the oldest first; none where roles do not follow one another by year."""
    by_year: list[tuple[int, Slice]] = []
    for role in ("train", "validation", "calibration", "heldout"):
        by_year += sorted(store.years.get(role, {}).items())
    years = [year for year, _ in by_year]
    if years != sorted(set(years)):
        return []
    return [
        Window(
            train=tuple(rows for _, rows in by_year[:place]),
            validation=by_year[place][1],
            calibration=by_year[place + 1][1],
            audit=by_year[place + 2][1],
            years=(tuple(years[:place]), years[place], years[place + 1], years[place + 2]),
        )
        for place in range(1, len(by_year) - 2)
    ]


def backtest_stage(work: Work, name: str) -> list[Row]:
    """Back-test one finalist, window by window.

    Windows that are done are kept, as other finalists' are; one that failed is tried again.

    Returns
    -------
    Two rows for each window of this finalist: without the refit, and with it.
    """
    decided = work.run.stage("decide") or {}
    candidate = Replayed.of(decided, name)
    kept = (work.run.stage(FIGURE) or {}).get("rows", [])
    others = [row for row in kept if row["model"] != name]
    failed = {row["audit"] for row in kept if row["model"] == name and _failed(row)}
    rows: list[Row] = [row for row in kept if row["model"] == name and row["audit"] not in failed]
    found = windows(work.store)
    if not found:
        work.say(f"no back-test: {BY_COLUMN if _overlapping(work.store) else NO_YEARS}")
    done = {row["audit"] for row in rows}
    learnt = _learns(rule_of(work, name))
    for window in found:
        if window.years[3] in done:
            continue
        work.say(f"back-test: trained up to {window.years[0][-1]}, audited on {window.years[3]}")
        rows = sorted(rows + _window(work, candidate, window, learnt=learnt), key=lambda row: int(row["audit"]))
        work.run.write_stage(FIGURE, {"rows": others + rows})
    work.run.write_stage(FIGURE, {"rows": others + rows})
    if others + rows:
        work.run.write_figure(FIGURE, others + rows)
    return rows


def rule_of(work: Work, name: str) -> DecisionRule:
    """What was frozen of a finalist on the run's own validation years."""
    return DecisionRule.load(work.run.path / "rules" / name)


def _learns(rule: DecisionRule) -> bool:
    return LEARNT in {unit.estimator for unit in (rule.certificate, rule.line) if unit is not None}


def _failed(row: Row) -> bool:
    """Whether a worker did, so that the row says nothing of the model."""
    return row["made"] is None or (row["made"] and row["coverage"] is None)


def _overlapping(store: Store) -> bool:
    years = [year for of_role in store.years.values() for year in of_role]
    return len(years) != len(set(years))


def learnt_kept(work: Work, candidate: Replayed) -> bool:
    """Whether a learned confidence may be chosen: in no window that may steer a choice was its promise broken.

    In one of these windows at least something must have been promised and audited: a promise that was never made cannot
    have been kept. They run as the configuration has it, with the refit or without.
    """
    chosen = max(work.store.years["validation"])
    legal = [window for window in windows(work.store) if window.years[3] <= chosen]
    audited = False
    for window in legal:
        rows = _window(work, candidate, window, learnt=True)
        verdicts = {row["verdict"] for row in rows if row["refit"] == work.config.years.refit}
        if "broken" in verdicts:
            return False
        audited |= verdicts != {None}
    return audited


def _window(work: Work, candidate: Replayed, window: Window, *, learnt: bool) -> list[Row]:
    """The rows of one window: without the refit, and with it."""
    chosen = sorted(work.store.years["validation"])
    base: Row = {
        "model": candidate.model["model"],
        "family": candidate.model["family"],
        "train_from": window.years[0][0],
        "train_to": window.years[0][-1],
        "validation": window.years[1],
        "calibration": window.years[2],
        "audit": window.years[3],
        "legal": window.years[3] <= chosen[-1],
        "hyper_parameters_saw_later": window.years[1] < chosen[-1],
    }
    empty = dict.fromkeys(("made", "promised_coverage", "coverage", "risk", "risk_low", "risk_high", "verdict", "n"))
    fitted = candidate.fit(work, window.train)
    if isinstance(fitted, Failure):
        return [{**base, "refit": refit, **empty, "reason": fitted.reason} for refit in (False, True)]
    models = candidate.models(fitted)
    frozen = _frozen(work, candidate, window, models, learnt=learnt)
    if isinstance(frozen, Failure):
        return [{**base, "refit": refit, **empty, "reason": frozen.reason} for refit in (False, True)]
    rule, expected = frozen
    rows = [{**base, "refit": False, **empty, **_audit(work, candidate, window, rule, expected, models)}]
    again = candidate.fit(work, (*window.train, window.validation))
    if isinstance(again, Failure):
        return [*rows, {**base, "refit": True, **empty, "reason": again.reason}]
    gate = TextGate.learnt([work.store.corpus(*window.train, window.validation).texts], work.known())
    audited = _audit(work, candidate, window, rule.refitted(gate), expected, candidate.models(again))
    return [*rows, {**base, "refit": True, **empty, **audited}]


def _frozen(
    work: Work, candidate: Replayed, window: Window, models: dict[str, Files], *, learnt: bool
) -> tuple[DecisionRule, Row] | Failure:
    """The rule as validation chooses it, and what validation lets us expect of calibration."""
    predicted = candidate.predict(work, models, window.validation)
    if isinstance(predicted, Failure):
        return predicted
    corpus = work.store.corpus(window.validation)
    gate = TextGate.learnt([work.store.corpus(*window.train).texts], work.known())
    rows = {row["model"]: dict(row) for row in (candidate.model, *candidate.witnesses)}
    for name, row in rows.items():
        row["threshold"] = objective(work.config.search.objective, corpus, predicted[name]).threshold
    later = work.store.corpus(window.calibration).clusters
    name = candidate.model["model"]
    asked = [(rows[row["model"]], predicted[row["model"]]) for row in candidate.witnesses]
    frozen = Validation(work.config, corpus, gate, later).freeze(rows[name], predicted[name], asked, learnt=learnt)
    return frozen.rule, frozen.row


def _audit(
    work: Work, candidate: Replayed, window: Window, rule: DecisionRule, expected: Row, models: dict[str, Files]
) -> Row:
    """What calibration allows to promise for this one candidate, and what the audit year says of it."""
    calibration = _decided(work, candidate, window.calibration, rule, models)
    if isinstance(calibration, Failure):
        return {"reason": calibration.reason}
    corpus, decisions = calibration
    made = promises(work.config, expected, corpus, decisions, 1)
    promise = made.get(units(work.config)[0])
    if promise is None:
        return {"made": False, "reason": "the model codes whole certificates, and lines are promised"}
    row: Row = {"made": promise.made, "promised_coverage": promise.coverage, "reason": promise.reason}
    if not promise.made:
        return row
    whole, line = (promise, None) if promise.unit == "certificate" else (None, promise)
    audit = _decided(work, candidate, window.audit, rule.certified(whole, line), models)
    if isinstance(audit, Failure):
        return {**row, "reason": audit.reason}
    corpus, decisions = audit
    groups = corpus.cluster_numbers()
    errors, automatic = judge(corpus, decisions).errors, decisions.automatic
    if promise.unit == LINE and decisions.lines is not None:
        of_line = corpus.texts.certificate_of_line
        groups = of_line if groups is None else groups[of_line]
        errors, automatic = judge_lines(corpus, decisions), decisions.lines.automatic
    point, (low, high) = selective.accepted_point(errors, automatic), interval(errors, automatic, groups)
    row |= {"n": point.n, "coverage": point.coverage, "risk": point.risk, "risk_low": low, "risk_high": high}
    if low is not None and high is not None:
        row["verdict"] = verdict_of(low, high, promise.risk)
    return row


def _decided(
    work: Work, candidate: Replayed, rows: Slice, rule: DecisionRule, models: dict[str, Files]
) -> tuple[Corpus, Decisions] | Failure:
    predicted = candidate.predict(work, models, rows)
    if isinstance(predicted, Failure):
        return predicted
    corpus = work.store.corpus(rows)
    return corpus, decide(rule, predicted[candidate.model["model"]], corpus.texts, predicted)


def described(row: Row) -> str:
    """A row in words."""
    when = f"{row['train_from']}-{row['train_to']}, {row['validation']}, {row['calibration']}, {row['audit']}"
    how = "with refit" if row["refit"] else "without refit"
    if not row["made"] or row["coverage"] is None:
        return f"{when}, {how}: {row['reason']}"
    risk = "none automatic"
    if row["risk"] is not None:
        risk = f"risk {100 * row['risk']:.2f} % [{100 * row['risk_low']:.2f}, {100 * row['risk_high']:.2f}]: {row['verdict']}"
    return (
        f"{when}, {how}: promised for {100 * row['promised_coverage']:.1f} %; "
        f"in {row['audit']} {100 * row['coverage']:.1f} % automatic, {risk}"
    )
