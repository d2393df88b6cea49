"""What every stage of a run works with."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config import RunConfig
from harness.corpus.certificate import Corpus
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Slice, Store
from harness.families import family as family_named
from harness.files import Row, write_json
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster
from harness.search.space import Space
from harness.search.worker import Failure, FitSpec, PredictSpec, adapted_home, known, read_files


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

    def known(self) -> Knowledge:
        return known(self.knowledge)

    def models(self) -> list[Row]:
        """Finalists and floors with what was frozen on validation."""
        models: list[Row] = (self.run.stage("decide") or {})["models"]
        return models

    def refitted(self) -> dict[str, Row]:
        """Time, labels and size of each model that was fitted again."""
        models: dict[str, Row] = (self.run.stage("refit") or {})["models"]
        return models

    def fitted(self) -> list[Row]:
        """The models that were fitted again, without those that could not predict calibration."""
        lost = (self.run.stage("certify") or {}).get("lost", {})
        return [model for model in self.models() if model["model"] in self.refitted() and model["model"] not in lost]

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
            files, str(self.store.path), (self.store.roles[role],), self.cluster.device(self._largest(model))
        )

    def predict(self, models: list[Row], role: str) -> tuple[dict[str, float], dict[str, str]]:
        """Cache each refitted model's predictions of a role.

        Returns
        -------
        Certificates per second by model, and the reason of each model that could not predict.
        """
        self.say(f"predicting {role}")
        n = len(self.store.roles[role])
        specs = [self.asked(model, read_files(self.run.model(model["model"]) / "model"), role) for model in models]
        results = self.cluster.predict(specs, [self._largest(model) for model in models])
        speeds, lost = {}, {}
        for model, result in zip(models, results, strict=True):
            name = model["model"]
            if isinstance(result, Failure):
                lost[name] = result.reason
                self.say(f"{name} could not predict {role} ({result.reason})")
                continue
            self.run.save_predictions(f"{role}/{name}", result.predictions)
            speeds[name] = round(n / max(result.seconds, 1e-9), 1)
        return speeds, lost

    def _largest(self, model: Row) -> str:
        """The family whose share of a GPU a model needs: its own, or of an ensemble's members the largest."""
        families: list[str] = [member["family"] for member in model.get("members", [])] or [model["family"]]
        return max(families, key=lambda name: family_named(name).needs)

    def note(self, more: Row) -> None:
        """Add to ``run.json`` what is known only later."""
        write_json(self.run.path / "run.json", {**self.run.meta(), **more})
