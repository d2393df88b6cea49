"""ASHA within each family that reports: networks are never compared with trees."""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

METRIC = "score"
STEP = "step"


class FamilyScheduler(FIFOScheduler):  # type: ignore[misc]
    """One asynchronous successive halving (Li et al. 2020) a family, and none for families that do not report."""

    def __init__(self, most_steps: dict[str, int]) -> None:
        super().__init__()
        self._halving = {
            family: AsyncHyperBandScheduler(
                time_attr=STEP, metric=METRIC, mode="max", grace_period=1, reduction_factor=3, max_t=steps + 1
            )
            for family, steps in most_steps.items()
        }

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        if (halving := self._of(trial)) is not None:
            halving.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        halving = self._of(trial)
        decision: str = (
            TrialScheduler.CONTINUE if halving is None else halving.on_trial_result(tune_controller, trial, result)
        )
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        if (halving := self._of(trial)) is not None:
            halving.on_trial_complete(tune_controller, trial, result)

    def debug_string(self) -> str:
        return "ASHA within families that report"

    def _of(self, trial: Any) -> Any:
        return self._halving.get(trial.config["family"])
