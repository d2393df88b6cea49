"""Beginning a run, and going on with one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from harness.config import RunConfig, load_config
from harness.corpus.codes import CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import Store, knowledge_folder, open_store
from harness.errors import ConfigError, RunError
from harness.experiment.backtest import backtest_stage
from harness.experiment.bases import check_bases
from harness.experiment.check import Checked, check, smoke
from harness.experiment.pipeline import run_all
from harness.experiment.provenance import hardware, new_meta
from harness.experiment.reading import Reading, read, scratch
from harness.experiment.readings import chose, fingerprints, readings_of
from harness.experiment.rolling import frozen_of, moved
from harness.experiment.studies import STUDIES, Study, run_study
from harness.experiment.work import Work
from harness.files import Row, read_json, read_rows, write_json, write_text
from harness.leaderboard.index import refresh_index
from harness.leaderboard.page import write_page
from harness.run.folder import FROZEN, HOME, RunFolder, new_run, open_run
from harness.run.study import is_study, not_a_study
from harness.search.cluster import Cluster, cluster
from harness.search.space import Space, check_space

Say = Callable[[str], None]
Begun = tuple[RunFolder, dict[str, Any]]


def start(path: Path, say: Say, *, small: bool = False, address: str | None = None) -> Begun:
    """Run a configuration from its files to its page; the folder is made only after every check and the whole reading."""
    config = load_config(path)
    return _begin(path, smoke(config) if small else config, None, say, small=small, address=address)


def start_study(path: Path, kind: str, say: Say, *, small: bool = False, address: str | None = None) -> Begun:
    """Make a study of a configuration: a folder of its own, from its files to its page.

    Raises
    ------
    ConfigError
        Something is wrong with the configuration, or no certificate is held out.
    """
    study = STUDIES[kind]
    config = study.prepare(load_config(path), path.name)
    return _begin(path, study.smoke(config) if small else config, study, say, small=small, address=address)


def _begin(path: Path, config: RunConfig, study: Study | None, say: Say, *, small: bool, address: str | None) -> Begun:
    checked = check(config, path.resolve().parent)
    for arm in () if study is None else study.arms(config):
        check_bases({arm.family: arm.space(checked.spaces[arm.family])})
    home = Path(HOME).resolve()
    shared = _shared_stores()
    with scratch(home) as folder:
        found = read(checked, shared or folder, say, smoke=small)
        if study is not None and "heldout" not in found.store.roles:
            raise ConfigError(
                f"a study compares its arms on held-out certificates, but none has that role ({path.name})"
            )
        if study is not None and study.needs_wording and not found.worded:
            raise ConfigError(
                "corpus.columns.standard_text or corpus.codes must bring the experts' wording of codes or their titles, but "
                f"there is neither: nothing says what normalised text is ({path.name})"
            )
        with cluster(address=address, gpus=config.search.gpus) as resources:
            _check_nodes(resources, shared)
            run = new_run(home, datetime.now(UTC))
            command = "search" if study is None else study.command
            typed = f"harness {command} {path.name}{' --smoke' if small else ''}{' --ray ADDRESS' if address else ''}"
            meta = new_meta(run.name, config, hardware(resources.gpus), typed)
            _write(
                run, checked, config, found, folder, shared, {**meta, **({} if study is None else study.meta(config))}
            )
            say(f"run {run.name}")
            return run, _pipeline(run, config, resources, say)


def roll(name: str, out: Path, by: int | None, say: Say, *, address: str | None = None) -> Begun:
    """Fit a run's pick on years that moved on, certify it afresh, and leave a run of its own in the folder ``out``.

    Raises
    ------
    RunError
        The run cannot be rolled forward, or ``out`` is taken.
    """
    run = open_run(name)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"-o must name a folder that is empty or not there, but {out} is not")
    noted = readings_of(out)
    if any(
        row["run"] == out.resolve().name for row in read_rows(noted)
    ):  # else its earlier reading would pass for its own
        raise RunError(
            f"-o must name a run that has not read any certificates yet, but {noted.name} has one of {out.name}"
        )
    config, frozen = frozen_of(run, load_config(run.config))
    config, shift = moved(run, config, by)
    typed = f"harness refit {run.name} --by {shift} -o {out.name}"
    checked = check(config, run.path)
    shared = _shared_stores()
    with scratch(out.resolve().parent) as folder:
        found = read(checked, shared or folder, say)
        years = fingerprints(found.store, "calibration")
        against = chose(readings_of(run.path), years, frozen["config"], frozen["began"])
        if against:  # the promise is refused: read again without these years
            year, other = against[0]
            refused = f"no promise: {year} was scored as held-out by {other}, and the configuration was changed since"
            say(refused)
            frozen |= {"refused": refused}
            config = config.model_copy(update={"years": config.years.model_copy(update={"calibration": ()})})
            found = read(replace(checked, config=config), shared or folder, say)
        with cluster(address=address, gpus=config.search.gpus) as resources:
            _check_nodes(resources, shared)
            out.mkdir(parents=True, exist_ok=True)
            rolled = RunFolder(out.resolve())
            meta = new_meta(rolled.name, config, hardware(resources.gpus), typed) | {
                "rolled": {"from": run.name, "by": shift}
            }
            rolled.write_stage(FROZEN, frozen)
            _write(rolled, checked, config, found, folder, shared, meta)
            say(f"run {rolled.name}")
            return rolled, _pipeline(rolled, config, resources, say)


def resume(name: str, say: Say, *, address: str | None = None) -> Begun:
    """Go on with a run or a study that was interrupted or killed: what is done is not done again."""
    run = open_run(name)
    config = load_config(run.config)
    _check_rules(run)
    with cluster(address=address, gpus=config.search.gpus) as resources:
        _check_nodes(resources, _shared_stores())
        return run, _pipeline(run, config, resources, say)


def _check_rules(run: RunFolder) -> None:
    """The rows of a run that an earlier version began can still be read, but its rules cannot be gone on with."""
    for path in sorted(run.path.glob("rules/*/rule.json")):
        if "certificate" not in read_json(path):
            raise RunError(
                f"a run that is gone on with must have rules of this version, but those of {run.name} are of an "
                f"earlier one: start a new run (rules/{path.parent.name}/{path.name})"
            )


def _write(
    run: RunFolder,
    checked: Checked,
    config: RunConfig,
    found: Reading,
    folder: Path,
    shared: Path | None,
    meta: Mapping[str, Any],
) -> None:
    """Lay down what a run is made from; ``run.json`` comes last, and makes a run of the folder."""
    if not shared:
        _move(folder, run)
    write_text(run.config, tomli_w.dumps(_plain(config)))
    write_json(run.path / "corpus.json", found.row)
    if found.quarantine.total:
        write_text(run.path / "quarantine.csv", found.quarantine.to_csv())
    _write_spaces(run, checked.spaces)
    write_json(run.path / "run.json", meta)


def backtest(name: str, model: str | None, say: Say, *, address: str | None = None) -> tuple[RunFolder, list[Row]]:
    """Back-test the pick of a finished run, or another finalist; its rows, and the page with them.

    Raises
    ------
    RunError
        The run has no pick yet, or no such model.
    """
    run = not_a_study(open_run(name), "backtest")
    found, decided = run.pick(), run.stage("decide")
    if found is None or decided is None:
        raise RunError(f"a back-test needs a run that has a pick, but {run.name} has none")
    models = [row["model"] for row in decided["models"] if row["kind"] != "floor"]
    chosen = model or found["model"]
    if chosen not in models:
        raise RunError(f"--model must be one of {', '.join(sorted(models))}, but got {chosen!r}")
    config = load_config(run.config)
    with cluster(address=address, gpus=config.search.gpus) as resources:
        _check_nodes(resources, _shared_stores())
        with run.locked():
            work = Work(run, config, {}, store_of(run), knowledge_of(run), resources, say)
            rows = backtest_stage(work, chosen)
            write_page(run)
            refresh_index(run)
            return run, rows


def store_of(run: RunFolder) -> Store:
    """The store that the run was made from."""
    return open_store(_found(run, run.corpus()["fingerprint"], "store"))


def knowledge_of(run: RunFolder) -> str:
    """The folder of what the run knew besides its certificates; empty where it knew nothing."""
    fingerprint = run.corpus().get("knowledge")
    return str(_found(run, knowledge_folder(fingerprint), "knowledge")) if fingerprint else ""


def code_list_of(run: RunFolder) -> CodeList | None:
    """The code list that the run was made with."""
    folder = knowledge_of(run)
    return Knowledge.load(Path(folder)).code_list if folder else None


def _found(run: RunFolder, name: str, what: str) -> Path:
    shared = _shared_stores()
    for home in (run.cache / "store", *([shared] if shared else [])):
        if (home / name).is_dir():
            return home / name
    raise RunError(f"the run {run.name} needs its {what} ({name}), which is neither in its cache nor in HARNESS_CACHE")


def _pipeline(run: RunFolder, config: RunConfig, resources: Cluster, say: Say) -> dict[str, Any]:
    store = store_of(run)
    work = Work(run, config, {}, store, knowledge_of(run), resources, say)
    known = work.known()
    offered: dict[str, Any] = {
        "by_line": store.by_line,
        "code_list": known.code_list is not None,
        "lexicon": known.lexicon is not None,
        "years": len(store.years["train"]),
        "covariates": bool(store.corpus(store.roles["train"]).texts.covariates),
    }
    spaces = {name: space.offered(**offered) for name, space in run_spaces(run).items()}
    with run.locked():
        return (run_study if is_study(run) else run_all)(replace(work, spaces=spaces))


def run_spaces(run: RunFolder) -> dict[str, Space]:
    """The search spaces as they stood when the run began."""
    return {name: check_space(name, raw, "spaces.json") for name, raw in read_json(run.path / "spaces.json").items()}


def _write_spaces(run: RunFolder, spaces: Mapping[str, Space]) -> None:
    """Families by name, but each one's parameters as its file has them: a conditional one stands below its condition."""
    plain = {name: spaces[name].plain() for name in sorted(spaces)}
    write_text(run.path / "spaces.json", json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def _move(folder: Path, run: RunFolder) -> None:
    """Take the store, and what lies beside it, into the run's cache."""
    target = run.cache / "store"
    target.mkdir(parents=True)
    for part in folder.iterdir():
        shutil.move(part, target / part.name)


def _plain(config: RunConfig) -> dict[str, Any]:
    """The resolved configuration as TOML can hold it: what is left out is left out."""

    def without_empty(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept for key, inner in value.items() if (kept := without_empty(inner)) not in (None, [], {})}
        return value

    plain: dict[str, Any] = without_empty(config.model_dump(mode="json"))
    for key in ("witnesses", "gates"):  # here none is a choice, and left out is another
        plain["automation"][key] = list(getattr(config.automation, key))
    return plain


def _shared_stores() -> Path | None:
    """The folder of ``HARNESS_CACHE`` where stores lie; workers run elsewhere, so it is absolute."""
    shared = os.environ.get("HARNESS_CACHE")
    return Path(shared).expanduser().resolve() / "stores" if shared else None


def _check_nodes(resources: Cluster, shared: Path | None) -> None:
    if resources.nodes > 1 and shared is None:
        raise ConfigError("a cluster of several nodes needs HARNESS_CACHE, a folder that all of them share")
