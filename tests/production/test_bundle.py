from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_office import (
    CANARY,
    LINES,
    TABLE,
    alarms,
    as_lines,
    candidate,
    certificates,
    read,
    witnessed,
    write_bundle,
    write_csv,
)

from harness.corpus.certificate import Corpus
from harness.decision.rule import Candidate, DecisionRule, Reason, predict
from harness.errors import BundleError
from harness.production import bundle

FILES = {
    "MODEL_CARD.md",
    "bundle.json",
    "input.json",
    "labels.json",
    "manifest.json",
    "manifest.sha256",
    "model/model.json",
    *(f"model/unit/{name}" for name in ("dictionary.json", "dictionary.npz", "calibration.npz", "prior.npz")),
    *(f"model/unit/neighbours.{kind}" for kind in ("json", "npz")),
    *(f"rule/{name}" for name in ("rule.json", "words.txt", "fragments.npz", "reference.json")),
}
# of a bundle with a witness and both alarms
MORE = {
    "drift.json",
    *(f"practice/{name}" for name in ("practice.json", "watch.json", "watch.npz")),
    "witnesses/witness-exact/model.json",
}


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return read(write_csv(tmp_path_factory.mktemp("train") / "train.csv", certificates(150)))


@pytest.fixture(scope="module")
def made(train: Corpus) -> Candidate:
    return candidate(train)


@pytest.fixture
def out(tmp_path: Path, made: Candidate) -> Path:
    write_bundle(tmp_path / "bundle", made)
    return tmp_path / "bundle"


def files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def seal(folder: Path) -> None:
    """Make the hashes fit what is there: what only the author of a bundle can do."""
    hashes = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files(folder).items()
        if not name.startswith("manifest.")
    }
    manifest = json.dumps({"files": hashes}).encode()
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "manifest.sha256").write_text(f"{hashlib.sha256(manifest).hexdigest()}\n")


def test_what_is_loaded_decides_as_what_was_written(out: Path, made: Candidate, tmp_path: Path) -> None:
    loaded = bundle.load(out)
    for part in ("threshold", "certificate", "line", "gates", "witnesses", "always_person"):
        assert getattr(loaded.candidate.rule, part) == getattr(made.rule, part)
    texts = read(write_csv(tmp_path / "later.csv", certificates(200, seed=1))).texts
    before, after = predict(made, texts), predict(loaded.candidate, texts)
    assert after.labels == before.labels
    assert after.codes.toarray().tolist() == before.codes.toarray().tolist()
    for name in ("confidence", "eligible", "reason"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
    met = {Reason.AUTOMATIC, Reason.NO_CODE, Reason.UNSEEN_WORD, Reason.ALWAYS_PERSON, Reason.NOT_SURE}
    assert set(before.reason.tolist()) == met


def test_its_files_and_what_they_say(out: Path, made: Candidate) -> None:
    assert set(files(out)) == FILES
    loaded = bundle.load(out)
    assert loaded.description == {"run": "20260302-093012", "model": "dictionary-0", "format": 2}
    assert (loaded.drift, loaded.practice, loaded.candidate.witnesses) == (None, None, {})
    assert loaded.corpus == TABLE.model_copy(update={"path": (), "codes": None, "dictionaries": ()})
    labels = json.loads((out / "labels.json").read_text(encoding="utf-8"))
    assert labels == dict.fromkeys(made.model.labels.codes, "a title – with a dash")
    assert oct(out.stat().st_mode & 0o777) == "0o755"


# witnesses and alarms


def test_its_witnesses_are_asked_as_before(tmp_path: Path, made: Candidate, train: Corpus) -> None:
    asking = witnessed(made, train)
    write_bundle(tmp_path / "bundle", asking, **alarms(asking, train))
    found = set(files(tmp_path / "bundle"))
    assert found >= FILES | MORE
    assert all(name.startswith("witnesses/witness-exact/") for name in found - FILES - MORE)
    loaded = bundle.load(tmp_path / "bundle")
    assert set(loaded.candidate.witnesses) == {"witness-exact"}
    texts = read(write_csv(tmp_path / "later.csv", certificates(200, seed=1))).texts
    before, after = predict(asking, texts), predict(loaded.candidate, texts)
    assert after.reason.tolist() == before.reason.tolist()
    assert Reason.DISAGREEMENT in after.reason
    assert loaded.drift is not None
    assert loaded.drift.labels == made.model.labels
    assert loaded.practice is not None
    assert loaded.practice.watch.holders(texts)[0].nnz == alarms(asking, train)["practice"].watch.holders(texts)[0].nnz


def test_one_flipped_byte_of_a_witness_or_an_alarm_is_refused(tmp_path: Path, made: Candidate, train: Corpus) -> None:
    asking, out = witnessed(made, train), tmp_path / "bundle"
    write_bundle(out, asking, **alarms(asking, train))
    for name in sorted(set(files(out)) - FILES):
        content = (out / name).read_bytes()
        place = len(content) // 2
        (out / name).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BundleError, match=f"a bundle must be as it was exported, but {name} of"):
            bundle.load(out)
        (out / name).write_bytes(content)
    bundle.load(out)
    (out / "witnesses" / "witness-exact" / "model.json").unlink()
    with pytest.raises(BundleError, match=r"witnesses/witness-exact/model\.json of .* is missing"):
        bundle.load(out)


# damage


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_flipped_byte_is_refused(out: Path, name: str) -> None:
    path = out / name
    content = path.read_bytes()
    for place in sorted({0, len(content) // 2, len(content) - 1}):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(BundleError, match="a bundle must be as it was exported"):
            bundle.load(out)
    path.write_bytes(content)
    bundle.load(out)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_or_cut_file_is_refused(out: Path, name: str) -> None:
    content = (out / name).read_bytes()
    for rest in (None, b"", content[:-1], content + b"\n"):
        (out / name).unlink(missing_ok=True)
        if rest is not None:
            (out / name).write_bytes(rest)
        with pytest.raises(BundleError):
            bundle.load(out)


@pytest.mark.parametrize(
    "name", ["README.md", "model/more.npz", "rule/.hidden", "new/folder/file", "model/manifest.json"]
)
def test_an_added_file_is_refused(out: Path, name: str) -> None:
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(b"")
    with pytest.raises(BundleError, match=f"{name} was added"):
        bundle.load(out)


def test_two_files_that_changed_places_are_refused(out: Path) -> None:
    a, b = out / "model/unit/calibration.npz", out / "model/unit/prior.npz"
    content = a.read_bytes(), b.read_bytes()
    assert content[0] != content[1]
    a.write_bytes(content[1])
    b.write_bytes(content[0])
    with pytest.raises(BundleError, match=r"model/unit/calibration\.npz .* was changed"):
        bundle.load(out)


def test_a_manifest_that_was_written_again_without_its_seal_is_refused(out: Path) -> None:
    (out / "rule/rule.json").write_text((out / "rule/rule.json").read_text().replace("0.3", "0.0"))
    kept = (out / "manifest.sha256").read_bytes()
    seal(out)
    (out / "manifest.sha256").write_bytes(kept)
    with pytest.raises(BundleError, match=r"manifest\.json .* was changed"):
        bundle.load(out)


def test_another_version_is_refused(out: Path) -> None:
    (out / "bundle.json").write_text('{"format": 1}')
    seal(out)
    with pytest.raises(BundleError, match="a bundle must have the format 2 that this version reads, but"):
        bundle.load(out)


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(BundleError, match="BUNDLE must be a folder that harness export wrote"):
            bundle.load(path)


# where it is written


def test_a_place_that_is_taken_is_refused(tmp_path: Path, made: Candidate) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(BundleError, match="a bundle needs a folder that is empty or not there"):
            write_bundle(tmp_path / name, made)
    with pytest.raises(BundleError, match=r"cannot \(Not a directory\)|cannot \(File exists\)"):
        bundle.write(
            tmp_path / "file" / "in" / "a" / "file",
            model={},
            witnesses={},
            rule=made.rule,
            corpus=TABLE,
            labels={},
            card="",
            description={},
        )
    assert (tmp_path / "full" / "mine.txt").read_text() == (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_and_a_new_one_are_filled(tmp_path: Path, made: Candidate) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "empty", tmp_path / "new" / "deep" / "bundle"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(out, made)
        assert set(files(out)) == FILES
        bundle.load(out)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [(DecisionRule, "save", 0), (bundle, "_json", 0), (bundle, "_json", 3), (bundle, "_hash", 7)],
)
def test_a_bundle_appears_whole_or_not_at_all(
    tmp_path: Path,
    made: Candidate,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    calls: int,
    exists: bool,
    error: type[BaseException],
) -> None:
    out = tmp_path / "out" / "bundle"
    if exists:
        out.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, _failing(getattr(owner, name), calls, error))
        with pytest.raises(error):
            write_bundle(out, made)
    there = {path.relative_to(tmp_path / "out").parts[0] for path in (tmp_path / "out").rglob("*")}
    assert there - {"bundle-model"} == ({"bundle"} if exists else set())
    assert not list(out.rglob("*"))


def _failing(function: Callable[..., Any], calls: int, error: type[BaseException]) -> Callable[..., Any]:
    """The same function, which raises once it was called so often."""
    left = [None] * calls

    def failing(*arguments: Any, **named: Any) -> Any:
        if not left:
            raise error
        left.pop()
        return function(*arguments, **named)

    return failing


# what it must not hold


@pytest.mark.parametrize("unit", ["certificate", "line"])
def test_it_holds_no_id_no_machine_path_and_no_pickle(tmp_path: Path, unit: str) -> None:
    rows = certificates(150)
    config = TABLE if unit == "certificate" else LINES.model_copy(update={"path": TABLE.path, "codes": TABLE.codes})
    path = write_csv(tmp_path / "train.csv", rows if unit == "certificate" else as_lines(rows))
    corpus = read(path, config)
    made = witnessed(candidate(corpus, unit=unit), corpus)
    write_bundle(tmp_path / "bundle", made, config, **alarms(made, corpus))
    secrets = [CANARY, str(tmp_path), str(Path.home()), "/srv/office", "certificates.csv", "codes.csv", os.getcwd()]
    for name, file in files(tmp_path / "bundle").items():
        for content in _contents(file):
            for secret in secrets:
                assert secret.encode() not in content, f"{secret} in {name}"
            assert not any(content.startswith(bytes([0x80, protocol])) for protocol in range(2, 6)), name
        assert file.suffix not in (".pkl", ".pickle", ".joblib", ".pt", ".bin"), name


def _contents(path: Path) -> list[bytes]:
    """A file's bytes and, of an archive, its members'; arrays of objects, which would be pickled, do not load."""
    content = path.read_bytes()
    if path.suffix != ".npz":
        return [content]
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        assert all(array.dtype != object for array in arrays.values())
    with zipfile.ZipFile(path) as archive:
        return [content, *(archive.read(name) for name in archive.namelist())]
