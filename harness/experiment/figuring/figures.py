"""The figures of the stage score, gathered model by model from what its rows were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.corpus.store import Slice
from harness.experiment.figuring.codes import Chapters, code_rows
from harness.experiment.figuring.confusions import confusion_rows
from harness.experiment.figuring.reliability import read_probability, reliability_rows
from harness.experiment.figuring.thresholds import threshold_rows
from harness.experiment.figuring.ties import Kept, measures, tie_rows
from harness.experiment.scoring import Judged, Said
from harness.files import Row
from harness.metrics import disclosure
from harness.run.folder import RunFolder

WHOLE = "all"
NAMES = ("thresholds", "reliability", "codes", "confusions", "ties")


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows of the one role that the figures show: the held-out years, or validation where there are none.

    Of a model's certificates nothing stays but counts.

    Attributes
    ----------
    role : its name
    slices : the role's certificates by year, all of them together under "all"
    objective : of the run
    titles : by code
    rows : by figure
    kept : by measure and model, what its comparison with the best needs
    """

    role: str
    slices: Mapping[str, Slice]
    objective: str
    titles: Mapping[str, str]
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in NAMES})
    kept: dict[str, dict[str, Kept]] = field(default_factory=dict)

    def add(self, model: str, said: Said, judged: Judged, threshold: float) -> None:
        """Take in what a model said of all certificates of the role by its threshold, and how it was judged."""
        decisions, errors = said.decisions, judged.errors
        years = {year: where for year, where in self.slices.items() if year != WHOLE}
        automatic = decisions.automatic if said.promised("certificate") else None
        chapters = Chapters.of_codes(judged)
        support = disclosure.of_support(chapters.true)
        estimator, sure = read_probability(said, threshold)
        found = {
            "thresholds": threshold_rows(errors, decisions, years, said.certificate.least_confidence),
            "reliability": [{"estimator": estimator, **row} for row in reliability_rows(errors, sure, self.slices)],
            "codes": code_rows(judged, chapters, support, automatic, self.titles),
            "confusions": confusion_rows(judged, chapters, support.codes, self.titles),
        }
        for name, rows in found.items():
            self.rows[name] += [{"model": model, "role": self.role, **row} for row in rows]
        for measure in measures(self.objective):
            self.kept.setdefault(measure, {})[model] = Kept.of(measure, judged.counts)

    def write(self, run: RunFolder, *, seed: int) -> None:
        """Write each figure that has rows."""
        ties = [
            {"role": self.role, "measure": measure, **row}
            for measure, models in self.kept.items()
            for row in tie_rows(models, seed=seed)
        ]
        for name, rows in {**self.rows, "ties": ties}.items():
            if rows:
                run.write_figure(name, rows)
