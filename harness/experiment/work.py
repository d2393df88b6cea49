"""What every stage of a run works with."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from harness.config import RunConfig
from harness.corpus.certificate import Corpus, Texts
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice, Store
from harness.decision.observed import Seen
from harness.decision.rule import DecisionRule, Decisions, decide_seen, seen
from harness.experiment.readings import digest_of
from harness.families import family as family_named
from harness.families.family import Predictions
from harness.files import Row, write_json
from harness.run.folder import FROZEN, RunFolder
from harness.search.cluster import Cluster
from harness.search.space import Space
from harness.search.worker import Failure, FitSpec, PredictSpec, adapted_home, known, read_files

WITNESS = "witness"  # the kind of a model that is asked for its agreement alone


@dataclass(frozen=True, slots=True)
class Work:
    """One run and what it runs on; ``knowledge`` is a folder, empty where nothing is known."""

    run: RunFolder
    config: RunConfig
    spaces: dict[str, Space]
    store: Store
    knowledge: str
    cluster: Cluster
    say: Callable[[str], None]

    @property
    def cache(self) -> str:
        """The folder of what fits share: beside the stores, so that every node sees it."""
        return str(self.store.path.parent.parent / "shared")

    @property
    def checkpoints(self) -> str:
        """The folder of this run's own fits within it: a run elsewhere may share the cache, and have the same name."""
        place = hashlib.sha256(str(self.run.path.resolve()).encode()).hexdigest()[:8]
        return f"{self.cache}/checkpoints/{self.run.name}-{place}"

    @property
    def adapted(self) -> str:
        """The folder of the base model that the stage adapt left; empty where there was nothing to adapt."""
        stage = self.run.stage("adapt")
        return str(adapted_home(self.cache) / stage["folder"]) if stage else ""

    def tidy(self) -> None:
        """Remove what fits alone needed, where no other run shares it: frozen layers' output takes gigabytes."""
        cache = Path(self.cache).resolve()
        if self.run.path.resolve() in cache.parents:
            shutil.rmtree(cache / "frozen", ignore_errors=True)

    def corpus(self, role: str) -> Corpus:
        return self.store.corpus(self.store.roles[role])

    def later_clusters(self) -> pa.Array | None:
        """Which calibration certificates belong together, where the corpus says so; no code of them is read."""
        return self.corpus("calibration").clusters if "calibration" in self.store.roles else None

    def known(self) -> Knowledge:
        return known(self.knowledge)

    def fit_roles(self) -> list[str]:
        """The roles whose certificates the finalists are fitted on in the end."""
        return ["train", "validation"] if self.config.years.refit else ["train"]

    def config_digest(self) -> str:
        """Of what chose the models: of the run that this one was rolled forward from, where there is one."""
        frozen = self.run.stage(FROZEN)
        return str(frozen["config"]) if frozen else digest_of(self.run, self.config)

    def models(self) -> list[Row]:
        """Finalists and floors with what was frozen on validation."""
        models: list[Row] = (self.run.stage("decide") or {})["models"]
        return models

    def witnesses(self) -> list[Row]:
        """Models that are asked for their agreement and are no finalists."""
        rows: list[Row] = (self.run.stage("decide") or {}).get("witnesses", [])
        return rows

    def said(self, rule: DecisionRule, predictions: Predictions, role: str, texts: Texts) -> Decisions:
        """What a rule decides from kept predictions of a role, its witnesses' among them."""
        return decide_seen(rule, self.seen(rule, predictions, role, texts), predictions, texts)

    def seen(self, rule: DecisionRule, predictions: Predictions, role: str, texts: Texts) -> Seen:
        """What it looks at for that."""
        kept = {witness.model: self.run.predictions(f"{role}/{witness.model}") for witness in rule.witnesses}
        return seen(rule, predictions, texts, kept)

    def refitted(self) -> dict[str, Row]:
        """Time, labels and size of each model that was fitted again."""
        models: dict[str, Row] = (self.run.stage("refit") or {})["models"]
        return models

    def fitted(self) -> list[Row]:
        """The models that were fitted again, without those that could not predict calibration."""
        lost = (self.run.stage("certify") or {}).get("lost", {})
        return [model for model in self.models() if model["model"] in self.refitted() and model["model"] not in lost]

    def asked_models(self) -> list[Row]:
        """The fitted models, and the witnesses that were fitted again: whatever has to predict."""
        return self.fitted() + [row for row in self.witnesses() if row["model"] in self.refitted()]

    def spec(self) -> FitSpec:
        """What all fits of a run share; family and parameters are each fit's own."""
        return FitSpec(
            family="",
            parameters={},
            store=str(self.store.path),
            train=(self.store.roles["train"],),
            objective=self.config.search.objective,
            knowledge=self.knowledge,
            seed=self.config.search.seed,
            cache=self.cache,
            adapted=self.adapted,
        )

    def fit_again(self, model: Row, train: tuple[Slice, ...], seed: int) -> FitSpec:
        """A fit of a model with its frozen parameters and steps, that is kept."""
        return replace(
            self.spec(),
            family=model["family"],
            parameters=model["parameters"],
            train=train,
            seed=seed,
            steps=model["steps"],
            keep=True,
            device=self.cluster.device(model["family"]),
        )

    def asked(self, model: Row, files: Mapping[str, bytes], role: str) -> PredictSpec:
        """A prediction of a role by a fitted model, whose files are given."""
        return PredictSpec(
            files, str(self.store.path), (self.store.roles[role],), self.cluster.device(self.largest_family(model))
        )

    def predict(self, models: list[Row], role: str) -> tuple[dict[str, float], dict[str, str]]:
        """Cache each refitted model's predictions of a role.

        Returns
        -------
        Certificates per second by model, with the witnesses that it asks; and the reason of each model that could not
        predict, or whose witness could not.
        """
        self.say(f"predicting {role}")
        n = len(self.store.roles[role])
        specs = [self.asked(model, read_files(self.run.model(model["model"]) / "model"), role) for model in models]
        results = self.cluster.predict(specs, [self.largest_family(model) for model in models])
        speeds, lost = {}, {}
        for model, result in zip(models, results, strict=True):
            name = model["model"]
            if isinstance(result, Failure):
                lost[name] = result.reason
                self.say(f"{name} could not predict {role} ({result.reason})")
                continue
            self.run.save_predictions(f"{role}/{name}", result.predictions)
            speeds[name] = n / max(result.seconds, 1e-9)
        asked = {model["model"]: model.get("witnesses", []) for model in models}
        for name, others in asked.items():
            silent = [other for other in others if other in lost]
            if silent:
                lost.setdefault(name, f"its witness {silent[0]}: {lost[silent[0]]}")
        together = {
            name: round(1 / sum(1 / speeds[part] for part in (name, *asked[name])), 1)
            for name in speeds
            if name not in lost
        }
        return together, lost

    def largest_family(self, model: Row) -> str:
        """The family whose share of a GPU a model needs: its own, or of an ensemble's members the largest."""
        families: list[str] = [member["family"] for member in model.get("members", [])] or [model["family"]]
        return max(families, key=lambda name: family_named(name).needs)

    def note(self, more: Row) -> None:
        """Add to ``run.json`` what is known only later."""
        write_json(self.run.path / "run.json", {**self.run.meta(), **more})
