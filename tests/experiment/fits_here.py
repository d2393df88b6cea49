"""Fits and predictions of a run in this process, and a run whose finalists are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.corpus import store
from harness.corpus.builder import ReadResult
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice, Store
from harness.corpus.years import assign
from harness.decision.rule import DecisionRule, UnitRule
from harness.decision.textgate import TextGate
from harness.experiment.work import WITNESS, Work
from harness.files import Row
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster
from harness.search.worker import Failure, FitResult, FitSpec, PredictResult, PredictSpec, run_fit, run_predict

DICTIONARY: Row = {"unit": "line"}
LINEAR: Row = {"unit": "line", "char_ngrams": 3, "max_features": 1000}
ROLES: Row = {"train": "2013-2015", "validation": "2016", "calibration": "2017", "heldout": "2018"}
FOUR: Row = {"train": "2015", "validation": "2016", "calibration": "2017", "heldout": "2018"}
PROMISE: Row = {"risk": 0.25, "confidence": 0.8}


@dataclass(frozen=True)
class Here(Cluster):
    """The same fits and predictions, in this process; it counts, and may be killed before a fit or fail at it."""

    fits: list[FitSpec] = field(default_factory=list)
    predictions: list[PredictSpec] = field(default_factory=list)
    killed_at: int | None = None
    fails_at: int | None = None

    def fit(self, specs: Sequence[FitSpec]) -> list[FitResult | Failure]:
        found: list[FitResult | Failure] = []
        for spec in specs:
            if len(self.fits) == self.killed_at:
                raise KeyboardInterrupt
            self.fits.append(spec)
            failed = len(self.fits) - 1 == self.fails_at
            found.append(Failure("ValueError at harness/x.py:3") if failed else run_fit(spec))
        return found

    def predict(self, specs: Sequence[PredictSpec], families: Sequence[str]) -> list[PredictResult | Failure]:
        self.predictions.extend(specs)
        return [run_predict(spec) for spec in specs]


def here(folder: Path, **more: int) -> Here:
    return Here(1, 0.0, folder, **more)  # type: ignore[arg-type]


def row_of(name: str, family: str, parameters: Row, **more: Any) -> Row:
    return {"model": name, "family": family, "kind": "baseline", "parameters": parameters, "steps": 1, **more}


FINALISTS = [
    row_of("dictionary-0", "dictionary", DICTIONARY),
    row_of("linear-0", "linear", LINEAR, witnesses=["dictionary-0"]),
    {
        **row_of("ensemble", "committee", {"dictionary-0": 0.75, "linear-0": 0.25}, kind="ensemble"),
        "members": [
            row_of("dictionary-0", "dictionary", DICTIONARY, weight=0.75),
            row_of("linear-0", "linear", LINEAR, weight=0.25),
        ],
        "witnesses": ["witness-linear"],
    },
]
WITNESSES = [row_of("witness-linear", "linear", LINEAR, kind=WITNESS)]


def work_of(read: ReadResult, folder: Path, years: Row = ROLES, cluster: Here | None = None, **sections: Row) -> Work:
    """A run whose finalists are decided, by a rule that nothing here reads but for its estimator."""
    promise = {**PROMISE, **sections.pop("promise", {})}
    raw = {"corpus": {"format": "synthetic"}, "years": years, "promise": promise, **sections}
    config = RunConfig.model_validate(raw)
    built = store.build(read, assign(read, config.years), folder / "cache" / "store")
    knowledge = store.keep_knowledge(Knowledge(read.code_list), folder / "cache" / "store")
    run = RunFolder(folder / "run")
    run.write_stage("decide", {"models": FINALISTS, "witnesses": WITNESSES})
    rule = DecisionRule(0.5, UnitRule("product"), TextGate.learnt([read.corpus.texts], Knowledge()))
    for model in FINALISTS:
        rule.save(run.path / "rules" / model["model"])
    return Work(run, config, {}, built, knowledge, cluster or here(folder), lambda line: None)


def store_of_years(years: dict[str, list[int]], n: int = 10) -> Store:
    """Of ``n`` certificates a year."""
    found: dict[str, dict[int, Slice]] = {}
    start = 0
    for role, of_role in years.items():
        found[role] = {}
        for year in of_role:
            found[role][year] = Slice(start, start + n)
            start += n
    roles = {
        role: Slice(min(s.start for s in of.values()), max(s.stop for s in of.values())) for role, of in found.items()
    }
    return Store(Path("nowhere"), "0", roles, found, by_line=True)
