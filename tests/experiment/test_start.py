from __future__ import annotations

from pathlib import Path

import pytest

from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import keep_knowledge
from harness.errors import RunError
from harness.experiment.start import code_list_of, knowledge_of, resume
from harness.files import write_json
from harness.run.folder import FORMAT, RunFolder

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


def test_a_run_with_rules_of_an_earlier_version_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """Its rows can still be read: the format of a run is the same."""
    run = RunFolder(tmp_path / "run")
    write_json(run.path / "run.json", {"format": FORMAT})
    run.config.write_text('[corpus]\nformat = "synthetic"\n[years]\ntrain = 2012\nvalidation = 2013\n')
    write_json(run.path / "rules" / "bag-1" / "rule.json", {"threshold": 0.5, "certificate": {}})
    write_json(run.path / "rules" / "linear-3" / "rule.json", {"threshold": 0.5, "confidence": "product"})
    said: list[str] = []
    with pytest.raises(RunError, match=r"start a new run \(rules/linear-3/rule\.json\)$") as caught:
        resume(str(run.path), said.append)
    assert "\n" not in str(caught.value)
    assert said == []
