"""Which hyper-parameters the score of a family hung on, by Optuna's PED-ANOVA, from our own rows of trials."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import optuna
from optuna.importance import get_param_importances
from optuna.trial import FixedTrial, FrozenTrial, create_trial

from harness.files import Row
from harness.search.space import Space

# PED-ANOVA holds the best tenth of the trials against all of them: with fewer that tenth is less than one trial, and
# up to ten of a family's trials are TPE's random start.
LEAST_TRIALS = 10


def importances(spaces: Mapping[str, Space], trials: Sequence[Row]) -> list[Row]:
    """A row for each family and hyper-parameter whose importance can be told.

    The studies are built again from the rows, so that a run that is resumed, or read on another machine, says the same.
    As in Optuna's own studies, the trials that ended count; one that was stopped has the score of an early step and
    does not.

    Parameters
    ----------
    spaces : of each family, as its trials were drawn from them
    trials : rows of ``trials.jsonl``

    Returns
    -------
    Rows of ``family``, ``parameter``, ``importance`` (of one family they add up to 1), ``n_trials`` (that count): the
    families by name, the most important parameter of each first. A family has none with fewer than ``LEAST_TRIALS``
    trials, or where all of them have one score. A parameter has none that was never varied.

    References
    ----------
    Watanabe, Bansal, Hutter. PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces.
    IJCAI 2023.
    """
    rows: list[Row] = []
    for family in sorted(spaces):
        ended = [_trial(spaces[family], row) for row in _scored(trials, family)]
        found = _shares(ended)
        rows += [
            {"family": family, "parameter": name, "importance": found[name], "n_trials": len(ended)}
            for name in sorted(found, key=lambda name: (-found[name], name))
        ]
    return rows


def _scored(trials: Sequence[Row], family: str) -> list[Row]:
    """A family's trials that ended with a score, in the order in which they were asked for."""
    mine = [row for row in trials if row["family"] == family and row["status"] == "done" and row["score"] is not None]
    return sorted(mine, key=lambda row: int(row["trial"].rpartition("-")[2]))


def _trial(space: Space, row: Row) -> FrozenTrial:
    """A row as Optuna's trial: what was drawn, from which distributions, and its score."""
    asked = FixedTrial(row["parameters"])
    space.suggest(asked)
    return create_trial(value=row["score"], params=asked.params, distributions=asked.distributions)


def _shares(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """The importance of each parameter that was varied; nothing where none can be told."""
    if len(trials) < LEAST_TRIALS or len({trial.value for trial in trials}) == 1:
        return {}
    names = sorted({name for trial in trials for name in trial.params})
    varied = [name for name in names if len({trial.params[name] for trial in trials if name in trial.params}) > 1]
    if not varied:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    with warnings.catch_warnings():  # that a condition was met once only, and that what is not normalised may change
        warnings.simplefilter("ignore")
        # Optuna would make equal shares of importances that are all 0.
        found = get_param_importances(study, params=varied, normalize=False)
    total = math.fsum(found.values())
    return {name: value / total for name, value in found.items()} if total else {}
