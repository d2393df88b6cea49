"""The stage adapt: the base model of a space goes on with its own task on the training years' texts, before the search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import RunError
from harness.experiment.bases import to_adapt
from harness.experiment.work import Work
from harness.files import Row
from harness.search.space import Space
from harness.search.worker import AdaptSpec, Failure


def adapt_stage(work: Work, spaces: Mapping[str, Space] | None = None) -> None:
    """Adapt the base model of the space that offers it, unless that is done; ``work.adapted`` is its folder from then on.

    Trials and refits use the same model: it is frozen before the search, and its texts are the training years' alone.

    Parameters
    ----------
    spaces : those that are searched, by family; the run's own if left out

    Raises
    ------
    SpaceError
        The spaces offer to adapt more than one base.
    RunError
        The base could not be adapted.
    """
    asked = to_adapt(work.spaces if spaces is None else spaces)
    if asked is not None and not (work.adapted and Path(work.adapted).is_dir()):
        work.run.write_stage("adapt", _adapt(work, *asked))


def _adapt(work: Work, family: str, base: str) -> Row:
    """Have a worker do it; the record of the adapted model, with its ``folder``, and whether it was ``made`` now."""
    seconds = work.config.search.adaptation
    work.say(f"adapting {base} to the texts of the training years for at most {seconds:g} s")
    spec = AdaptSpec(
        base=base,
        store=str(work.store.path),
        train=(work.store.roles["train"],),
        cache=work.cache,
        seconds=seconds,
        seed=work.config.search.seed,
    )
    found = work.cluster.adapt(spec, family)
    if isinstance(found, Failure):
        raise RunError(f"the base model {base} of {family} could not be adapted ({found.reason})")
    return {**found.record, "folder": found.folder, "family": family, "made": found.made}
