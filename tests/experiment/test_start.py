from __future__ import annotations

from pathlib import Path

import pytest

from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import keep_knowledge
from harness.errors import RunError
from harness.experiment.start import code_list_of, knowledge_of
from harness.files import write_json
from harness.run.folder import RunFolder

KNOWN = Knowledge(CodeList((CodeEntry("A", "a title"),)), None, "en")


def run_of(folder: Path, knowledge: Knowledge) -> RunFolder:
    run = RunFolder(folder / "run")
    write_json(run.path / "corpus.json", {"fingerprint": "f", "knowledge": knowledge.fingerprint or None})
    return run


def test_what_is_known_is_found_in_the_runs_cache_or_in_the_shared_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(tmp_path, KNOWN)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "shared"))
    with pytest.raises(RunError, match=r"run needs its knowledge \(knowledge-\w+\), which is neither in its cache nor"):
        knowledge_of(run)
    shared = keep_knowledge(KNOWN, tmp_path / "shared" / "stores")
    assert knowledge_of(run) == shared
    own = keep_knowledge(KNOWN, run.cache / "store")
    assert knowledge_of(run) == own != shared
    assert code_list_of(run) == KNOWN.code_list


def test_nothing_known(tmp_path: Path) -> None:
    run = run_of(tmp_path, Knowledge())
    assert knowledge_of(run) == ""
    assert code_list_of(run) is None
