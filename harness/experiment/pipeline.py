"""A run from its first trial to its page: adapt, search, decide, refit, certify, pick, score, watch, alarms, seeds, page."""

from __future__ import annotations

import time

from harness.errors import PartlyDone
from harness.experiment.adapting import adapt_stage
from harness.experiment.alarms import alarms_stage
from harness.experiment.certify import certify_stage
from harness.experiment.deciding import decide_stage
from harness.experiment.picking import lost, make_pick
from harness.experiment.readings import earlier, fingerprints, readings_of
from harness.experiment.refitting import refit_stage
from harness.experiment.rolling import replay_stage
from harness.experiment.score import score_stage
from harness.experiment.searching import search_stage
from harness.experiment.seeds import seeds_stage
from harness.experiment.watching import watch_stage
from harness.experiment.work import Work
from harness.files import Row
from harness.leaderboard.index import refresh_index
from harness.leaderboard.page import write_page
from harness.run.folder import FROZEN


def run_all(work: Work) -> Row:
    """Every stage in turn; each leaves rows behind and is skipped where they are there already.

    Returns
    -------
    The pick, and under ``missing`` each family that never had a finished trial and each model that was lost.
    """
    started, before = time.monotonic(), float(work.run.meta().get("wall_seconds", 0.0))
    _note_readings(work)
    try:
        adapt_stage(work)
        missing = search_stage(work) if work.run.stage(FROZEN) is None else []
        replay_stage(work)
    except (PartlyDone, KeyboardInterrupt):
        write_page(work.run)  # it says what there is, and that the run is unfinished
        refresh_index(work.run)
        raise
    decide_stage(work)
    refit_stage(work)
    certify_stage(work)
    _note_readings(work)
    found = make_pick(work.run)
    work.say(f"picked {found['model'] or 'no model'}")
    score_stage(work)
    watch_stage(work)
    alarms_stage(work)
    seeds_stage(work)
    found = make_pick(work.run)  # the same pick, which now warns of what could not predict held-out years
    work.note({"wall_seconds": round(time.monotonic() - started + before, 1)})
    write_page(work.run)
    refresh_index(work.run)
    work.tidy()
    unpicked = [] if found["model"] else ["no model lies within the limits, so none is picked"]
    return {**found, "missing": unpicked + missing + lost(work.run)}


def _note_readings(work: Work) -> None:
    """Note how many runs read these calibration years before, for the page of a run that has not got to its pick.

    Until the run reads them itself, others may come before it; from then on the stage certify has counted.
    """
    if "calibration" not in work.store.roles:
        return
    certified = work.run.stage("certify")
    if certified is None:
        years = fingerprints(work.store, "calibration")
        before = earlier(readings_of(work.run.path), work.run.name, years, work.config_digest())
    else:
        before = certified.get("earlier_readings", 0)
    if work.run.meta().get("earlier_readings") != before:
        work.note({"earlier_readings": before})
