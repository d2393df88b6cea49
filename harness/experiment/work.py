"""What every stage of a run works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.config import RunConfig
from harness.corpus.certificate import Corpus
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Store
from harness.errors import RunError
from harness.files import Row, write_json
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster
from harness.search.space import Space
from harness.search.worker import Failure, PredictSpec, known, read_files


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
        return [model for model in self.models() if model["model"] in self.refitted()]

    def predict(self, models: list[Row], role: str) -> dict[str, float]:
        """Cache each refitted model's predictions of a role; certificates per second by model."""
        self.say(f"predicting {role}")
        rows = self.store.roles[role]
        specs = [
            PredictSpec(
                read_files(self.run.model(model["model"]) / "model"),
                str(self.store.path),
                (rows,),
                self.cluster.device(model["family"]),
            )
            for model in models
        ]
        speeds = {}
        for model, result in zip(
            models, self.cluster.predict(specs, [model["family"] for model in models]), strict=True
        ):
            if isinstance(result, Failure):
                raise RunError(f"{model['model']} could not predict {role} ({result.reason})")
            self.run.save_predictions(f"{role}/{model['model']}", result.predictions)
            speeds[model["model"]] = round(len(rows) / max(result.seconds, 1e-9), 1)
        return speeds

    def note(self, more: Row) -> None:
        """Add to ``run.json`` what is known only later."""
        write_json(self.run.path / "run.json", {**self.run.meta(), **more})
