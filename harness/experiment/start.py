"""Beginning a run, and going on with one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from harness.config import RunConfig, load_config
from harness.corpus.codes import CodeList, read_code_list, write_code_list
from harness.corpus.store import Store, open_store
from harness.errors import ConfigError, RunError
from harness.experiment.check import check, smoke
from harness.experiment.pipeline import run_all
from harness.experiment.provenance import hardware, new_meta
from harness.experiment.reading import read, scratch
from harness.experiment.work import Work
from harness.files import read_json, write_json, write_text
from harness.run.folder import HOME, RunFolder, new_run, open_run
from harness.search.cluster import Cluster, cluster
from harness.search.space import Space, check_space

Say = Callable[[str], None]


def start(path: Path, say: Say, *, small: bool = False, address: str | None = None) -> tuple[RunFolder, dict[str, Any]]:
    """Run a configuration from its files to its page; the folder is made only after every check and the whole reading."""
    config = load_config(path)
    config = smoke(config) if small else config
    checked = check(config, path.resolve().parent)
    home = Path(HOME).resolve()
    shared = _shared_stores()
    with scratch(home) as folder:
        found = read(checked, shared or Path(folder), say, smoke=small)
        with cluster(address=address, gpus=config.search.gpus) as resources:
            _check_nodes(resources, shared)
            run = new_run(home, datetime.now(UTC))
            store = found.store if shared else _moved(found.store, run)
            write_text(run.config, tomli_w.dumps(_plain(config)))
            write_json(run.path / "corpus.json", found.row)
            if found.quarantine.total:
                write_text(run.path / "quarantine.csv", found.quarantine.to_csv())
            if found.code_list is not None:
                write_code_list(found.code_list, run.cache / "codes.csv")
            write_json(run.path / "spaces.json", {name: space.plain() for name, space in checked.spaces.items()})
            command = f"harness search {path.name}{' --smoke' if small else ''}{' --ray ADDRESS' if address else ''}"
            write_json(run.path / "run.json", new_meta(run.name, config, hardware(resources.gpus), command))
            say(f"run {run.name}")
            return run, _pipeline(run, config, store, found.code_list, resources, say)


def resume(name: str, say: Say, *, address: str | None = None) -> tuple[RunFolder, dict[str, Any]]:
    """Go on with a run that was interrupted or killed: what is done is not done again."""
    run = open_run(name)
    config = load_config(run.config)
    with cluster(address=address, gpus=config.search.gpus) as resources:
        _check_nodes(resources, _shared_stores())
        return run, _pipeline(run, config, store_of(run), code_list_of(run), resources, say)


def store_of(run: RunFolder) -> Store:
    """The store that the run was made from."""
    fingerprint, shared = run.corpus()["fingerprint"], _shared_stores()
    places = [run.cache / "store" / fingerprint, *([shared / fingerprint] if shared else [])]
    for path in places:
        if path.is_dir():
            return open_store(path)
    raise RunError(
        f"the run {run.name} needs its store {fingerprint}, which is neither in its cache nor in HARNESS_CACHE"
    )


def code_list_of(run: RunFolder) -> CodeList | None:
    """The code list that the run was made with."""
    path = run.cache / "codes.csv"
    return read_code_list(path) if path.exists() else None


def _pipeline(
    run: RunFolder, config: RunConfig, store: Store, code_list: CodeList | None, resources: Cluster, say: Say
) -> dict[str, Any]:
    spaces = {name: space.offered(by_line=store.by_line) for name, space in run_spaces(run).items()}
    with run.locked():
        return run_all(Work(run, config, spaces, store, code_list, resources, say))


def run_spaces(run: RunFolder) -> dict[str, Space]:
    """The search spaces as they stood when the run began."""
    return {name: check_space(name, raw, "spaces.json") for name, raw in read_json(run.path / "spaces.json").items()}


def _moved(store: Store, run: RunFolder) -> Store:
    target = run.cache / "store" / store.fingerprint
    target.parent.mkdir(parents=True)
    shutil.move(store.path, target)
    return open_store(target)


def _plain(config: RunConfig) -> dict[str, Any]:
    """The resolved configuration as TOML can hold it: what is left out is left out."""

    def without_empty(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept for key, inner in value.items() if (kept := without_empty(inner)) not in (None, [], {})}
        return value

    plain: dict[str, Any] = without_empty(config.model_dump(mode="json"))
    return plain


def _shared_stores() -> Path | None:
    """The folder of ``HARNESS_CACHE`` where stores lie; workers run elsewhere, so it is absolute."""
    shared = os.environ.get("HARNESS_CACHE")
    return Path(shared).expanduser().resolve() / "stores" if shared else None


def _check_nodes(resources: Cluster, shared: Path | None) -> None:
    if resources.nodes > 1 and shared is None:
        raise ConfigError("a cluster of several nodes needs HARNESS_CACHE, a folder that all of them share")
