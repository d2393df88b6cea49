"""What the stages of a run share."""

from __future__ import annotations

from pathlib import Path

from harness.config import RunConfig
from harness.corpus.store import Store
from harness.experiment.work import Work
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster

CONFIG = {"corpus": {"format": "synthetic"}, "years": {"train": "2014", "validation": "2015"}}


def work(run: Path, cache: Path) -> Work:
    store = Store(cache / "stores" / "0123", "0123", {}, {}, by_line=True)
    config = RunConfig.model_validate(CONFIG)
    return Work(RunFolder(run), config, {}, store, "", Cluster(1, 0.0, run), lambda line: None)


def test_runs_of_one_name_that_share_a_cache_have_checkpoints_of_their_own(tmp_path: Path) -> None:
    """Names are times to the second: two offices' folders may begin a run at once."""
    one, other = (work(tmp_path / home / "leaderboards" / "20260101-120000", tmp_path) for home in ("one", "other"))
    assert one.cache == other.cache == str(tmp_path / "shared")
    assert one.checkpoints != other.checkpoints
    assert one.checkpoints == work(one.run.path, tmp_path).checkpoints  # a resumed run finds its own
    assert Path(one.checkpoints).parent == tmp_path / "shared" / "checkpoints"


def test_what_fits_alone_needed_goes_where_no_other_run_shares_it(tmp_path: Path) -> None:
    run = tmp_path / "leaderboards" / "20260101-120000"
    for cache, stays in ((run / "cache", False), (tmp_path / "everyone", True)):
        mine = work(run, cache)
        frozen, tokens = (Path(mine.cache) / name for name in ("frozen", "tokens"))
        frozen.mkdir(parents=True)
        tokens.mkdir()
        mine.tidy()
        assert (frozen.exists(), tokens.exists()) == (stays, True)
