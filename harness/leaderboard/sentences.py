"""The verdict in two sentences: what is automated at which promise and cost, and why this model won."""

from __future__ import annotations

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.audit import LINE, Audit, parts_of
from harness.leaderboard.language import N_, say
from harness.leaderboard.rows import Evidence, number, shown_promise

SAME_SPEED = 2.0  # the factor within which the speeds of two models are not told apart, as in experiment/selection.py

# By what is promised and what held-out years say of it.
CLAIMS = {
    ("certificate", "kept"): N_(
        "{model} codes {covered} of the certificates without a person and promises, with {confidence} confidence, that at "
        "most {risk} of these are wrong; in {years} it coded {reached}, {wrong} of {accepted} were wrong ({found} "
        "{interval}), and the promise was kept."
    ),
    ("certificate", "undecided"): N_(
        "{model} codes {covered} of the certificates without a person and promises, with {confidence} confidence, that at "
        "most {risk} of these are wrong; in {years} it coded {reached} and {wrong} of {accepted} were wrong ({found} "
        "{interval}), which neither confirms nor refutes the promise."
    ),
    ("certificate", "broken"): N_(
        "{model} was to code {covered} of the certificates without a person, with {confidence} confidence that at most "
        "{risk} of these are wrong; but in {years} it coded {reached} and {wrong} of {accepted} were wrong ({found} "
        "{interval}): do not rely on the promise."
    ),
    ("certificate", "unaudited"): N_(
        "{model} codes {covered} of the certificates without a person and promises, with {confidence} confidence, that at "
        "most {risk} of these are wrong; no held-out certificate was automatic, so nothing confirms it."
    ),
    ("certificate", "unseen"): N_(
        "{model} codes {covered} of the certificates without a person and promises, with {confidence} confidence, that at "
        "most {risk} of these are wrong; there are no held-out years, so nothing confirms it."
    ),
    ("line", "kept"): N_(
        "{model} codes {covered} of the lines without a person and promises, with {confidence} confidence, that at most "
        "{risk} of these are wrong; in {years} it coded {reached}, {wrong} of {accepted} were wrong ({found} {interval}), "
        "and the promise was kept."
    ),
    ("line", "undecided"): N_(
        "{model} codes {covered} of the lines without a person and promises, with {confidence} confidence, that at most "
        "{risk} of these are wrong; in {years} it coded {reached} and {wrong} of {accepted} were wrong ({found} "
        "{interval}), which neither confirms nor refutes the promise."
    ),
    ("line", "broken"): N_(
        "{model} was to code {covered} of the lines without a person, with {confidence} confidence that at most {risk} of "
        "these are wrong; but in {years} it coded {reached} and {wrong} of {accepted} were wrong ({found} {interval}): do "
        "not rely on the promise."
    ),
    ("line", "unaudited"): N_(
        "{model} codes {covered} of the lines without a person and promises, with {confidence} confidence, that at most "
        "{risk} of these are wrong; no held-out line was automatic, so nothing confirms it."
    ),
    ("line", "unseen"): N_(
        "{model} codes {covered} of the lines without a person and promises, with {confidence} confidence, that at most "
        "{risk} of these are wrong; there are no held-out years, so nothing confirms it."
    ),
}
HOW = {
    "faster": N_(
        "It won a tie as the faster one ({costs}): {leader} promises {most}, but validation does not show that {model} covers "
        "less."
    ),
    "smaller": N_(
        "It won a tie as the smaller one ({costs}): {leader} promises {most}, but validation does not show that {model} covers "
        "less."
    ),
    "": N_("It won a tie: {leader} promises {most}, but validation does not show that {model} covers less."),
}


def claim(evidence: Evidence, promise: Row | None, audits: tuple[Audit, ...]) -> str:
    """What the picked model automates, at which promise and cost, and what held-out years say."""
    if evidence.pick is None:
        return unfinished(evidence)
    if evidence.picked is None:
        return say("No model was picked, so every certificate needs a person; the reasons below say why.")
    model = _with_cost(evidence, evidence.picked)
    if promise is None or not promise.get("made"):
        return _no_promise(evidence, model, promise)
    risk, confidence = number(promise.get("risk")), number(promise.get("confidence"))
    one = audits[0] if audits else None
    unit = LINE if promise.get("unit") == LINE else "certificate"
    return say(
        CLAIMS[unit, one.state if one else "unseen"],
        model=model,
        covered=text.share(number(promise.get("coverage"))),
        confidence=text.DASH if confidence is None else text.level(confidence),
        risk=text.DASH if risk is None else text.level(risk),
        years=text.years(evidence.years("heldout")),
        reached=one.coverage if one else "",
        wrong=text.count(one.wrong) if one else "",
        accepted=text.count(one.accepted) if one else "",
        found=one.risk if one else "",
        interval=one.interval if one else "",
    )


def _no_promise(evidence: Evidence, model: str, promise: Row | None) -> str:
    if promise is None:
        if not (evidence.corpus.get("roles") or {}).get("calibration"):
            return say(
                "{model} is the best on validation; there are no calibration years, so nothing is promised and every "
                "certificate needs a person.",
                model=model,
            )
        return say(
            "{model} is the best on validation; it was not certified, so nothing is promised and every certificate needs a "
            "person.",
            model=model,
        )
    risk, confidence = number(promise.get("risk")), number(promise.get("confidence"))
    needed, n = number(promise.get("needed")), number(promise.get("n"))
    values = {
        "model": model,
        "risk": text.DASH if risk is None else text.level(risk),
        "confidence": text.DASH if confidence is None else text.level(confidence),
    }
    if needed is not None and n is not None and needed > n:
        return say(
            "{model} is the best on validation, but a risk of {risk} could not be promised with {confidence} confidence, so "
            "every certificate needs a person; about {more} more calibration certificates would be needed, beside the {n} "
            "there are.",
            more=text.count(needed - n),
            n=text.count(n),
            **values,
        )
    return say(
        "{model} is the best on validation, but a risk of {risk} could not be promised with {confidence} confidence, so every "
        "certificate needs a person.",
        **values,
    )


def _with_cost(evidence: Evidence, model: str) -> str:
    """The model's name, with time, size and fit in brackets where they were measured."""
    cost = _cost(evidence, model)
    return f"{model} ({text.parted(cost)})" if cost else model


def _cost(evidence: Evidence, model: str) -> list[str]:
    rows = [evidence.row(model, role) or {} for role in ("heldout", "calibration", "validation")]
    speed, size = (
        next((found for row in rows if (found := number(row.get(key))) is not None), None)
        for key in ("certificates_per_second", "bytes")
    )
    fit = next((found for row in rows if (found := number(row.get("fit_seconds"))) is not None), None)
    costs: list[str] = []
    if speed:
        costs.append(say("{time} a certificate", time=_brief(1 / speed)))
    if size is not None:
        costs.append(say("{size} saved", size=text.size(size)))
    if fit is not None:
        costs.append(say("fitted in {time}", time=text.duration(fit)))
    return costs


def _brief(seconds: float) -> str:
    """A time that may be far less than a second."""
    if seconds >= 1:
        return text.duration(seconds)
    return f"{text.written(f'{1000 * seconds:#.2g}'.rstrip('.'))}{text.SPACE}ms"


def why(evidence: Evidence) -> str:
    """Why this model won, of the rows that decided it; empty without a pick."""
    return " ".join(sentence for sentence in (_won(evidence), _together(evidence), _in_sample(evidence)) if sentence)


def _together(evidence: Evidence) -> str:
    """That the pick is an ensemble, and of how many."""
    row = evidence.row(evidence.picked or "", "validation") or {}
    if row.get("kind") != "ensemble":
        return ""
    weights = row.get("parameters")
    if isinstance(weights, dict) and weights:
        return say("It is the weighted mean of {trials}.", trials=text.number_of(len(weights), "trial"))
    return say("It is the weighted mean of several trials.")


def _in_sample(evidence: Evidence) -> str:
    """That an ensemble's validation score, where it is what won, is of weights that saw validation."""
    name = evidence.picked or ""
    if name in _made(evidence) or not evidence.is_ensemble(name) or not _best_on_validation(evidence):
        return ""
    return say("Its score is of weights that saw these certificates, and flatters.")


def _won(evidence: Evidence) -> str:
    if evidence.picked is None:
        return ""
    promises = _made(evidence)
    if evidence.picked not in promises:
        return _best_on_validation(evidence)
    asked = _asked(evidence)
    own, leader = promises[evidence.picked], max(promises, key=lambda name: (promises[name], name == evidence.picked))
    if leader != evidence.picked:
        how = _how(evidence, leader, promises)
        return say(
            HOW[how],
            leader=leader,
            most=text.share(promises[leader]),
            model=evidence.picked,
            costs=_costs(evidence, leader, how),
        )
    if len(promises) == 1:
        return say("It won as the only one of {candidates} that could be certified.", candidates=asked)
    return say(
        "It won as the one of {candidates} that promises the most, {most}; the next is {other} with {less}.",
        candidates=asked,
        most=text.share(own),
        other=(after := max((name for name in promises if name != leader), key=lambda name: promises[name])),
        less=text.share(promises[after]),
    )


def _made(evidence: Evidence) -> dict[str, float]:
    """The promised coverage of every certified candidate."""
    certified = (evidence.certified or {}).get("promises") or {}
    rows = certified or {str(one["model"]): one.get("promise") for one in (evidence.pick or {}).get("shortlist") or []}
    if evidence.picked and evidence.picked not in rows:
        rows = {**rows, evidence.picked: (evidence.pick or {}).get("promise")}
    found = {name: shown_promise(promise) or {} for name, promise in rows.items()}
    return {
        name: coverage
        for name, promise in found.items()
        if promise.get("made") and (coverage := number(promise.get("coverage"))) is not None
    }


def _asked(evidence: Evidence) -> str:
    promise = next(parts_of((evidence.pick or {}).get("promise")), {})
    shortlist = [one for one in (evidence.pick or {}).get("shortlist") or [] if one.get("shortlisted")]
    return text.number_of(number(promise.get("candidates")) or len(shortlist), "candidate")


def _best_on_validation(evidence: Evidence) -> str:
    key = str(evidence.meta.get("objective") or "micro_f1")
    scores = {
        model.name: score
        for model in evidence.models()
        if not model.floor and (score := number((evidence.row(model.name, "validation") or {}).get(key))) is not None
    }
    own = scores.pop(evidence.picked or "", None)
    if own is None:
        return ""
    values = {"objective": "AUGRC" if key == "augrc" else text.objective(key), "score": text.area(own)}
    if not scores:
        return say("It won with {objective} {score} on validation.", **values)
    best = (min if key == "augrc" else max)(scores, key=lambda name: scores[name])
    return say(
        "It won with {objective} {score} on validation; the next is {other} with {less}.",
        other=best,
        less=text.area(scores[best]),
        **values,
    )


def _how(evidence: Evidence, leader: str, promises: dict[str, float]) -> str:
    """What of the cost told the pick from the leader it is in a tie with, in the order of the pick's own rule."""
    tied = {leader, *(name for name in promises if _is_tied(evidence, leader, name))}
    fast = max((_of(evidence, name, "certificates_per_second") or 0.0 for name in tied), default=0.0) / SAME_SPEED
    speed = {name: _of(evidence, name, "certificates_per_second") or 0.0 for name in (leader, evidence.picked or "")}
    if speed[leader] < fast <= speed[evidence.picked or ""]:
        return "faster"
    sizes = _of(evidence, evidence.picked or "", "bytes"), _of(evidence, leader, "bytes")
    return "smaller" if sizes[0] is not None and (sizes[1] is None or sizes[0] < sizes[1]) else ""


def _is_tied(evidence: Evidence, leader: str, name: str) -> bool:
    ties = (evidence.certified or {}).get("ties") or []
    tie = next((one for one in ties if {one["first"], one["second"]} == {leader, name}), None)
    if tie is None:
        return False
    low, high = number(tie.get("low")), number(tie.get("high"))
    least = low if tie["first"] == leader else None if high is None else -high
    return least is not None and least <= 0.0


def _of(evidence: Evidence, model: str, key: str) -> float | None:
    """A cost of a model as it was before the pick: of certification, else of its rows."""
    if key == "certificates_per_second":
        speed = number(((evidence.certified or {}).get("speeds") or {}).get(model))
        if speed is not None:
            return speed
    rows = (evidence.row(model, role) or {} for role in ("calibration", "heldout"))
    return next((found for row in rows if (found := number(row.get(key))) is not None), None)


def _costs(evidence: Evidence, leader: str, how: str) -> str:
    """Both models' cost that told them apart, the pick's first."""
    if how == "faster":
        found = [_of(evidence, name, "certificates_per_second") for name in (evidence.picked or "", leader)]
        first, second = (_brief(1 / speed) if speed else text.DASH for speed in found)
    else:
        first, second = (text.size(_of(evidence, name, "bytes")) for name in (evidence.picked or "", leader))
    return say("{own} against {other}", own=first, other=second)


def unfinished(evidence: Evidence) -> str:
    """What to do about it, and how often the calibration years were read before."""
    earlier = number(evidence.meta.get("earlier_readings"))
    if earlier is None:
        return say("This page is built again when the run goes on; resume it to end it.")
    if not earlier:
        return say(
            "This page is built again when the run goes on; resume it to end it. No other run has certified on its "
            "calibration years."
        )
    return say(
        "This page is built again when the run goes on; resume it to end it. Its calibration years were read by {runs} before, "
        "so a promise of it will be weaker than it says.",
        runs=text.number_of(earlier, "earlier run"),
    )


def missing(evidence: Evidence) -> str:
    """What is not done yet."""
    if not evidence.corpus:
        return say("unfinished: the certificates have not been read to the end")
    if not evidence.trials:
        return say("unfinished: no trial has ended yet")
    if not evidence.scorecards:
        trials = text.number_of(len(evidence.trials), "trial")
        return say("unfinished: {trials} ended, no model is scored yet", trials=trials)
    return say("unfinished: models are scored, none is picked yet")
