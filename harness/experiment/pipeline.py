"""A run from its first trial to its page: search, decide, refit, certify, pick, score, page."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psutil

from harness.config import RunConfig
from harness.corpus.certificate import Corpus
from harness.corpus.codes import CodeList
from harness.corpus.store import Slice, Store
from harness.decision.confidence import ESTIMATORS
from harness.decision.novelty import UnseenWords
from harness.decision.objective import objective
from harness.decision.promise import certify
from harness.decision.rule import DecisionRule, Decisions, decide
from harness.errors import RunError
from harness.experiment import selection
from harness.experiment.scoring import curve_rows, hindsight, judge, score_row
from harness.families import FLOORS
from harness.files import append_row, read_rows, write_json
from harness.leaderboard.page import write_page
from harness.metrics import selective
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster
from harness.search.runner import Outcome, Task, search
from harness.search.space import Space
from harness.search.worker import (
    Failure,
    FitResult,
    FitSpec,
    PredictResult,
    PredictSpec,
    read_files,
    run_fit,
    run_predict,
    write_files,
)

Row = dict[str, Any]
READINGS = "readings.jsonl"


@dataclass
class Pipeline:
    """One run; each stage leaves rows behind and is skipped where they are there already."""

    run: RunFolder
    config: RunConfig
    spaces: dict[str, Space]
    store: Store
    code_list: CodeList | None
    cluster: Cluster
    say: Callable[[str], None]

    def all(self) -> Row:
        """Every stage in turn.

        Returns
        -------
        The pick, and under ``missing`` each family that never had a finished trial and each finalist that was lost.
        """
        started = time.monotonic()
        missing = self.search()
        self.decide()
        missing += self.refit()
        self.certify()
        found = self.pick()
        self.score()
        self._note({"wall_seconds": round(time.monotonic() - started + self._spent(), 1)})
        write_page(self.run)
        return {**found, "missing": missing}

    # search -------------------------------------------------------------------------------------------------------

    def search(self) -> list[str]:
        """Search until the budget is used; why families that were asked for are missing."""
        if self.run.stage("search") is None:
            if self.run.stage("decide") is not None:
                raise RunError(
                    f"a run that is certified is closed; start a new one instead of adding to {self.run.name}"
                )
            self.say(
                f"searching {', '.join(self.spaces)} for {self.config.search.budget:g} s on {self.cluster.cpus} slots"
            )
            previous = self.run.trials()
            began = time.monotonic()
            closed = search(self._task(), self.cluster, self._ended, previous)
            seconds = round(
                time.monotonic() - began + sum(row["slot_seconds"] for row in previous) / self.cluster.cpus, 1
            )
            self.run.write_stage("search", {"seconds": seconds, "closed": closed})
            self._note({"search_seconds": seconds})
        trials = self.run.trials()
        there = {row["family"] for row in selection.best_trials(trials)}
        if not there:
            raise RunError(f"a run needs a trial that ends well, but none of {len(trials)} did ({_reasons(trials)})")
        return [
            f"{name} has no finished trial ({_reasons([row for row in trials if row['family'] == name])})"
            for name in self.spaces
            if name not in there
        ]

    def _task(self) -> Task:
        options = self.config.search
        memory = options.trial_memory or int(psutil.virtual_memory().total * 0.9 / self.cluster.cpus)
        return Task(
            base=FitSpec(
                family="",
                parameters={},
                store=str(self.store.path),
                train=(self.store.roles["train"],),
                validation=(self.store.roles["validation"],),
                objective=options.objective,
                code_list=self.code_list,
                seed=options.seed,
            ),
            spaces=self.spaces,
            budget=options.budget,
            trials=options.trials,
            seed=options.seed,
            trial_time=options.trial_time or options.budget,
            most_bytes=memory,
            journal=self.run.journal,
        )

    def _ended(self, outcome: Outcome) -> None:
        row = outcome.row
        if outcome.predictions is not None:
            self.run.save_predictions(f"validation/{row['trial']}", outcome.predictions)
        self.run.add_trial(row)
        score = "no score" if row["score"] is None else f"{self.config.search.objective} {row['score']:.4f}"
        reason = f" ({row['reason']})" if row["reason"] else ""
        self.say(f"[{row['started'] + row['slot_seconds']:5.0f} s] {row['trial']} {row['status']}: {score}{reason}")

    # decide -------------------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Freeze the finalists' and floors' rules on validation, and the shortlist."""
        if self.run.stage("decide") is not None:
            return
        train, validation = self._corpus("train"), self._corpus("validation")
        gate = UnseenWords.learnt([train.texts], self.code_list)
        models = [self._of_trial(row) for row in selection.best_trials(self.run.trials())] + self._floors()
        for model in models:
            predictions = self.run.predictions(f"validation/{model['model']}")
            scored = objective(self.config.search.objective, validation, predictions)
            rule = self._rule(scored.threshold, gate, validation, predictions)
            decisions = decide(rule, predictions, validation.texts)
            model |= {
                "threshold": rule.threshold,
                "estimator": rule.estimator,
                "score": 0.0 if scored.score is None else scored.score,
                "expected_coverage": hindsight(validation, decisions, self.config.promise.risk),
            }
            rule.save(self.run.path / "rules" / model["model"])
        size = self.config.promise.shortlist
        reasons = selection.shortlist(models, size) if "calibration" in self.store.roles else {}
        for model in models:
            reason = reasons.get(model["model"], "there are no calibration years")
            model |= {"shortlisted": reason is None, "reason": reason}
        self.run.write_stage("decide", {"models": models})

    def _of_trial(self, row: Row) -> Row:
        return {
            "model": row["trial"],
            "family": row["family"],
            "kind": row["kind"],
            "parameters": row["parameters"],
            "steps": row["steps"],
            "fit_seconds": row["seconds"],
        }

    def _floors(self) -> list[Row]:
        rows = []
        for name in FLOORS:
            spec = FitSpec(
                family=name,
                parameters={"unit": "certificate"},
                store=str(self.store.path),
                train=(self.store.roles["train"],),
                validation=(self.store.roles["validation"],),
                objective=self.config.search.objective,
                code_list=self.code_list,
            )
            model = f"floor-{name.replace('_', '-')}"
            fitted = run_fit(
                spec, lambda report, model=model: self.run.save_predictions(f"validation/{model}", report.predictions)
            )  # type: ignore[misc]
            rows.append(
                {
                    "model": model,
                    "family": name,
                    "kind": "floor",
                    "parameters": spec.parameters,
                    "steps": 1,
                    "fit_seconds": fitted.seconds,
                }
            )
        return rows

    def _rule(self, threshold: float, gate: UnseenWords, validation: Corpus, predictions: Any) -> DecisionRule:
        """The estimator of confidence is the one with the least area under generalised risk and coverage."""
        best: tuple[float, DecisionRule] | None = None
        for name in ESTIMATORS:
            rule = DecisionRule(threshold, name, gate, self.config.automation.always_person)
            decisions = decide(rule, predictions, validation.texts)
            area = selective.augrc(judge(validation, decisions).errors, decisions.confidence)
            if best is None or (area is not None and area < best[0]):
                best = (np.inf if area is None else area, rule)
        assert best is not None  # noqa: S101  (the registry of estimators is not empty)
        return best[1]

    # refit --------------------------------------------------------------------------------------------------------

    def refit(self) -> list[str]:
        """Fit finalists and floors again as the rule of refitting says; what was lost on the way."""
        stage = self.run.stage("refit")
        if stage is None:
            stage = self._refit()
            self.run.write_stage("refit", stage)
        return [f"{model} could not be fitted again ({reason})" for model, reason in sorted(stage["lost"].items())]

    def _refit(self) -> Row:
        rows = self._fit_rows()
        self.say(f"fitting {len(self._models())} models again on {' + '.join(self._fit_roles())}")
        gate = UnseenWords.learnt([self.store.corpus(*rows).texts], self.code_list)
        specs = [
            FitSpec(
                family=model["family"],
                parameters=model["parameters"],
                store=str(self.store.path),
                train=rows,
                code_list=self.code_list,
                seed=self.config.search.seed,
                steps=model["steps"],
                keep=True,
                device="cpu" if model["kind"] == "floor" else self.cluster.device(model["family"]),
            )
            for model in self._models()
        ]
        lost, done = {}, {}
        for model, result in zip(self._models(), self._fit(specs), strict=True):
            name = model["model"]
            if isinstance(result, Failure):
                lost[name] = result.reason
                continue
            folder = self.run.model(name)
            write_files(result.model, folder / "model")
            DecisionRule.load(self.run.path / "rules" / name).refitted(gate).save(folder / "rule")
            done[name] = {
                "seconds": round(result.seconds, 3),
                "n_labels": result.n_labels,
                "bytes": sum(map(len, result.model.values())),
            }
        if not any(name in done for name in (model["model"] for model in self._models() if model["kind"] != "floor")):
            raise RunError(
                f"a run needs a finalist that can be fitted again, but none could ({'; '.join(lost.values())})"
            )
        return {"lost": lost, "models": done, "roles": self._fit_roles()}

    def _fit(self, specs: list[FitSpec]) -> list[FitResult | Failure]:
        """Floors need no framework and no worker."""
        searched = [spec for spec in specs if spec.family not in FLOORS]
        found = iter(self.cluster.fit(searched))
        return [run_fit(spec) if spec.family in FLOORS else next(found) for spec in specs]

    def _fit_roles(self) -> list[str]:
        return ["train", "validation"] if self.config.years.refit else ["train"]

    def _fit_rows(self) -> tuple[Slice, ...]:
        return tuple(self.store.roles[role] for role in self._fit_roles())

    # certify ------------------------------------------------------------------------------------------------------

    def certify(self) -> None:
        """Read the calibration years once, and promise what they allow for each shortlisted candidate."""
        if "calibration" not in self.store.roles or self.run.stage("certify") is not None:
            return
        models = self._fitted()
        shortlisted = [model for model in models if model["shortlisted"]]
        speeds = self._predict(models, "calibration")
        calibration = self._corpus("calibration")
        earlier = self._record_reading(calibration)
        promises = {}
        for model in shortlisted:
            rule = DecisionRule.load(self.run.model(model["model"]) / "rule")
            decisions = decide(rule, self.run.predictions(f"calibration/{model['model']}"), calibration.texts)
            promise = certify(
                judge(calibration, decisions).errors,
                decisions.confidence,
                decisions.eligible,
                risk=self.config.promise.risk,
                confidence_level=self.config.promise.confidence,
                candidates=len(shortlisted),
                expected_coverage=model["expected_coverage"],
            )
            rule.certified(promise).save(self.run.model(model["model"]) / "rule")
            promises[model["model"]] = promise.to_dict()
            self.say(f"{model['model']}: {promise.reason}")
        self.run.write_stage("certify", {"promises": promises, "earlier_readings": earlier, "speeds": speeds})

    def _record_reading(self, calibration: Corpus) -> int:
        """Note that these certificates' codes are read now; how many runs read them before."""
        digest = hashlib.sha256()
        for text in (calibration.texts.ids, calibration.texts.whole()):
            for value in text.to_pylist():
                digest.update(value.encode() + b"\0")
        fingerprint = digest.hexdigest()[:16]
        path = self.run.path.parent / READINGS
        earlier = {row["run"] for row in read_rows(path) if row["fingerprint"] == fingerprint} - {self.run.name}
        years = sorted(self.store.years["calibration"])
        append_row(
            path,
            {
                "run": self.run.name,
                "fingerprint": fingerprint,
                "years": years,
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        return len(earlier)

    # pick ---------------------------------------------------------------------------------------------------------

    def pick(self) -> Row:
        """Write the pick, and say it."""
        found = make_pick(self.run)
        self.say(f"picked {found['model']}")
        return found

    # score --------------------------------------------------------------------------------------------------------

    def score(self) -> None:
        """Rows of every model: validation from the search's fit, calibration and held-out from the refit."""
        if self.run.stage("score") is not None:
            return
        certified = self.run.stage("certify") or {"promises": {}, "speeds": {}}
        speeds = dict(certified["speeds"])
        if "heldout" in self.store.roles:
            speeds |= self._predict(self._fitted(), "heldout")
        rows: list[Row] = []
        curves: list[Row] = []
        for model in self._models():
            name = model["model"]
            rule = DecisionRule.load(self.run.path / "rules" / name)
            self._score(rows, curves, model, "validation", rule, None)
            if name in (self.run.stage("refit") or {})["models"]:
                rule = DecisionRule.load(self.run.model(name) / "rule")
                for role in ("calibration", "heldout"):
                    if role in self.store.roles:
                        self._score(rows, curves, model, role, rule, speeds.get(name))
        self.run.write_figure("risk_coverage", curves)
        self.run.write_scorecards(rows)
        self.run.write_stage("score", {"rows": len(rows)})

    def _score(
        self, rows: list[Row], curves: list[Row], model: Row, role: str, rule: DecisionRule, speed: float | None
    ) -> None:
        name = model["model"]
        corpus, predictions = self._corpus(role), self.run.predictions(f"{role}/{name}")
        decisions = decide(rule, predictions, corpus.texts)
        made = rule.promise is not None and rule.promise.made
        promised = rule.promise.threshold if made and rule.promise is not None else None
        refitted = (self.run.stage("refit") or {})["models"].get(name, {})
        start = self.store.roles[role].start
        slices = {
            "all": self.store.roles[role],
            **{str(year): rows for year, rows in sorted(self.store.years[role].items())},
        }
        for year, where in slices.items():
            part = slice(where.start - start, where.stop - start)
            reference = corpus.rows(part.start, part.stop)
            said = _rows_of(decisions, part)
            rows.append(
                {
                    **self._provenance(),
                    "run": self.run.name,
                    "model": name,
                    "family": model["family"],
                    "kind": model["kind"],
                    "parameters": model["parameters"],
                    "steps": model["steps"],
                    "threshold": rule.threshold,
                    "estimator": rule.estimator,
                    "role": role,
                    "refit": role != "validation" and self.config.years.refit,
                    "year": year,
                    **score_row(reference, said, promised, seed=self.config.search.seed),
                    "promised_coverage": rule.promise.coverage
                    if role == "calibration" and rule.promise is not None and made
                    else None,
                    "fit_seconds": model["fit_seconds"] if role == "validation" else refitted.get("seconds"),
                    "certificates_per_second": speed,
                    "bytes": refitted.get("bytes"),
                    "reason": self._reason(model, role, rule),
                }
            )
            curves += [{"model": name, "role": role, "year": year, **point} for point in curve_rows(reference, said)]

    def _reason(self, model: Row, role: str, rule: DecisionRule) -> str | None:
        """Why this row has no coverage and risk at a working point."""
        if role == "validation":
            return "a working point is certified on calibration years, for the refitted model"
        if rule.promise is None:
            return f"not certified: {model['reason']}"
        return None if rule.promise.made else rule.promise.reason

    def _provenance(self) -> Row:
        meta, corpus = self.run.meta(), self.run.corpus()
        return {
            "version": meta["version"],
            "commit": meta["commit"],
            "libraries": meta["libraries"],
            "hardware": meta["hardware"],
            "seed": meta["seed"],
            "fingerprint": corpus["fingerprint"],
            "code_list": corpus["code_list"] and corpus["code_list"]["fingerprint"],
            "years": {role: part["years"] for role, part in corpus["roles"].items()},
        }

    # shared -------------------------------------------------------------------------------------------------------

    def _models(self) -> list[Row]:
        models: list[Row] = (self.run.stage("decide") or {})["models"]
        return models

    def _fitted(self) -> list[Row]:
        done = (self.run.stage("refit") or {})["models"]
        return [model for model in self._models() if model["model"] in done]

    def _corpus(self, role: str) -> Corpus:
        return self.store.corpus(self.store.roles[role])

    def _predict(self, models: list[Row], role: str) -> dict[str, float]:
        """Cache each refitted model's predictions of a role; certificates per second by model."""
        self.say(f"predicting {role}")
        rows = self.store.roles[role]
        specs = [
            PredictSpec(
                read_files(self.run.model(model["model"]) / "model"), str(self.store.path), (rows,), self._device(model)
            )
            for model in models
        ]
        searched = [
            (spec, model["family"]) for spec, model in zip(specs, models, strict=True) if model["kind"] != "floor"
        ]
        found = iter(self.cluster.predict([spec for spec, _ in searched], [family for _, family in searched]))
        speeds = {}
        for spec, model in zip(specs, models, strict=True):
            result: PredictResult | Failure = run_predict(spec) if model["kind"] == "floor" else next(found)
            if isinstance(result, Failure):
                raise RunError(f"{model['model']} could not predict {role} ({result.reason})")
            self.run.save_predictions(f"{role}/{model['model']}", result.predictions)
            speeds[model["model"]] = round(len(rows) / max(result.seconds, 1e-9), 1)
        return speeds

    def _device(self, model: Row) -> str:
        return "cpu" if model["kind"] == "floor" else self.cluster.device(model["family"])

    def _note(self, more: Row) -> None:
        write_json(self.run.path / "run.json", {**self.run.meta(), **more})

    def _spent(self) -> float:
        return float(self.run.meta().get("wall_seconds", 0.0))


def make_pick(run: RunFolder) -> Row:
    """Pick from the rows of a run, and write ``pick.json``.

    Raises
    ------
    RunError
        The run has not got so far.
    """
    decided, refitted, certified = run.stage("decide"), run.stage("refit"), run.stage("certify")
    corpus = run.corpus()
    calibration = "calibration" in corpus["roles"]
    if decided is None or refitted is None or (calibration and certified is None):
        raise RunError(
            f"a pick needs a run that is certified, but {run.name} is not; harness resume {run.name} goes on with it"
        )
    promises = (certified or {}).get("promises", {})
    models = [model for model in decided["models"] if model["model"] in refitted["models"]]
    found = selection.pick(models, promises, run.meta()["objective"], calibration=calibration)
    earlier = (certified or {}).get("earlier_readings", 0)
    found |= {
        "shortlist": [
            {
                "model": model["model"],
                "shortlisted": model["shortlisted"],
                "reason": model["reason"],
                "promise": promises.get(model["model"]),
            }
            for model in decided["models"]
        ],
        "warnings": _warnings(run, found, earlier, refitted["lost"]),
        "earlier_readings": earlier,
    }
    run.write_pick(found)
    return found


def _warnings(run: RunFolder, found: Row, earlier: int, lost: Row) -> list[str]:
    corpus, warnings = run.corpus(), []
    if corpus["generated"]:
        warnings.append("The certificates are generated text: these results test the plumbing, not medicine.")
    if "heldout" not in corpus["roles"]:
        warnings.append("There are no held-out years: nothing confirms the pick.")
    if earlier and found["promise"] is not None:
        warnings.append(
            f"The same calibration certificates were read by {earlier} earlier runs: what was changed since in the light of "
            "those results makes this promise weaker than it says."
        )
    if corpus["quarantine"]["total"]:
        warnings.append(f"{corpus['quarantine']['total']:,} rows could not be read and were left out.")
    return warnings + [f"{model} could not be fitted again: {reason}." for model, reason in sorted(lost.items())]


def _rows_of(decisions: Decisions, part: slice) -> Decisions:
    return Decisions(
        decisions.labels,
        decisions.codes[part],
        decisions.confidence[part],
        decisions.eligible[part],
        decisions.reason[part],
    )


def _reasons(trials: list[Row]) -> str:
    """The distinct reasons of trials, first come first named."""
    return "; ".join(dict.fromkeys(row["reason"] or row["status"] for row in trials)) or "no trial was begun"
