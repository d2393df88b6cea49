"""A candidate with frozen hyper-parameters, fitted on other years: for a back-test, and to roll a run forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.corpus.store import Slice
from harness.experiment.work import WITNESS, Work
from harness.families import committee
from harness.families.family import Predictions
from harness.files import Row
from harness.search.worker import Failure, FitResult, PredictSpec

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is fitted again: a model, or the members of an ensemble, and the witnesses that may be asked.

    Attributes
    ----------
    model, witnesses : rows of the stage decide, with parameters and steps
    """

    model: Row
    witnesses: tuple[Row, ...]

    @classmethod
    def of(cls, decided: Row, name: str) -> Replayed:
        """A finalist of a run whose stage decide left ``decided``; its witnesses are no candidates here."""
        rows = {row["model"]: row for row in decided["models"] + decided.get("witnesses", [])}
        model = rows[name]
        return cls(model, tuple(rows[other] | {"kind": WITNESS} for other in model.get("witnesses", [])))

    @property
    def fits(self) -> list[Row]:
        """Each fit once: the members of an ensemble, or the model, and the witnesses."""
        alone = self.model.get("members") or [self.model]
        return list({row["model"]: row for row in (*alone, *self.witnesses)}.values())

    def fit(self, work: Work, rows: Sequence[Slice]) -> dict[str, FitResult] | Failure:
        """Fit on some rows, by the model of each fit; or why the first of them failed."""
        specs = [work.fit_again(row, tuple(rows), work.config.search.seed) for row in self.fits]
        found: dict[str, FitResult] = {}
        for row, result in zip(self.fits, work.cluster.fit(specs), strict=True):
            if isinstance(result, Failure):
                return Failure(f"{row['model']}: {result.reason}")
            found[row["model"]] = result
        return found

    def models(self, fitted: Mapping[str, FitResult]) -> dict[str, Files]:
        """The files of the model, an ensemble put together, and of its witnesses."""
        found = {row["model"]: fitted[row["model"]].model for row in self.witnesses}
        members = self.model.get("members")
        if members:
            names, weights = ([member[key] for member in members] for key in ("model", "weight"))
            together = committee.assemble(names, weights, [fitted[name].model for name in names])
            return {self.model["model"]: together} | found
        return {self.model["model"]: fitted[self.model["model"]].model} | found

    def predict(self, work: Work, models: Mapping[str, Files], rows: Slice) -> dict[str, Predictions] | Failure:
        """Each model's predictions of some rows; or why the first of them failed."""
        described = [self.model, *self.witnesses]
        specs = [
            PredictSpec(
                models[row["model"]], str(work.store.path), (rows,), work.cluster.device(work.largest_family(row))
            )
            for row in described
        ]
        results = work.cluster.predict(specs, [work.largest_family(row) for row in described])
        found: dict[str, Predictions] = {}
        for row, result in zip(described, results, strict=True):
            if isinstance(result, Failure):
                return Failure(f"{row['model']}: {result.reason}")
            found[row["model"]] = result.predictions
        return found
