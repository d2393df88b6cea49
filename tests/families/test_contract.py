"""What every family owes: one body of tests over all of them, by line and by certificate."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import LATER, Roles, by_certificate, by_line
from scipy.sparse import csr_array

from harness.config import ROLES
from harness.corpus import store, words
from harness.corpus.certificate import Corpus, Texts
from harness.corpus.knowledge import Knowledge
from harness.corpus.years import Roles as RoleOfRow
from harness.decision.confidence import Evidence, confidence
from harness.errors import HarnessError, SpaceError
from harness.families import FAMILIES, FLOORS, family, frame
from harness.families.family import Context, Examples, Predictions, Units
from harness.search.worker import FitSpec, Report, run_fit

# Small enough for seconds; a family that is not named here runs at its own defaults.
SMALL: Mapping[str, Mapping[str, Any]] = {
    "bag": {"epochs": 8, "width": 32, "buckets_log2": 12, "batch": 32, "learning_rate": 0.05, "dropout": 0.1},
    "cnn": {"width": 16, "embedding": 32, "buckets_log2": 12, "batch": 32, "learning_rate": 0.03},
    "label_attention": {"width": 32, "embedding": 32, "buckets_log2": 12, "batch": 32, "learning_rate": 0.03},
    "gru": {"width": 32, "embedding": 32, "buckets_log2": 12, "batch": 32, "learning_rate": 0.02},
    "encoder": {"layers": 2, "frozen": 1, "epochs": 4, "batch": 16, "length": 32, "head_rate": 0.02},
    "seq2seq": {
        "width": 32,
        "layers": 1,
        "epochs": 20,
        "batch": 64,
        "fresh_rate": 0.01,
        "dropout": 0.0,
        "length": 32,
        "longest": 16,
        "buckets_log2": 12,
    },
}
# What looks a text up has scores for the codes that it found, and the same ones for every text that it knows as well.
LOOKS_UP = {"dictionary", "nothing", "most_frequent", "exact_repeat"}
UNITS = ("line", "certificate")
NO_KNOWLEDGE = Knowledge()

every_model = pytest.mark.parametrize("name", [*FAMILIES, *FLOORS])
every_family = pytest.mark.parametrize("name", list(FAMILIES))
every_unit = pytest.mark.parametrize("unit", UNITS)


def parameters(name: str, unit: str) -> dict[str, Any]:
    return {**SMALL.get(name, {}), "unit": unit}


@dataclass(frozen=True)
class Fitted:
    model: frame.Model
    reports: list[tuple[int, Predictions]]


@pytest.fixture(scope="module")
def fitted(tiny_roles: Roles) -> Callable[[str, str], Fitted]:
    """Each family fitted once in each unit, with what it reported of validation."""
    ready: dict[tuple[str, str], Fitted] = {}

    def of(name: str, unit: str) -> Fitted:
        if (name, unit) not in ready:
            reports: list[tuple[int, Predictions]] = []
            model = frame.fit(
                name,
                tiny_roles.train,
                tiny_roles.validation.texts,
                NO_KNOWLEDGE,
                parameters(name, unit),
                Context(seed=1),
                lambda step, predictions: reports.append((step, predictions)),
            )
            ready[name, unit] = Fitted(model, reports)
        return ready[name, unit]

    return of


def same(a: Predictions, b: Predictions) -> None:
    assert a.labels == b.labels
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(a.scores, part), getattr(b.scores, part))


def top_is_right(predictions: Predictions, corpus: Corpus) -> float:
    """Among certificates with a code, the share whose surest code is one of theirs."""
    scores = predictions.over(corpus.labels).toarray()
    some = np.diff(corpus.codes.indptr) > 0
    best = np.argmax(scores, axis=1)
    return float(corpus.codes.toarray()[np.arange(len(corpus)), best][some].mean())


# ---------------------------------------------------------------------------------------------- what it learns


@every_family
@every_unit
def test_learns_a_tiny_corpus(name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles) -> None:
    model = fitted(name, unit).model
    assert top_is_right(model.predict(tiny_roles.train.texts), tiny_roles.train) > 0.9
    floor = fitted("most_frequent", unit).model
    validation = tiny_roles.validation
    assert (
        top_is_right(model.predict(validation.texts), validation)
        > top_is_right(floor.predict(validation.texts), validation) + 0.2
    )


@every_model
@every_unit
def test_scores_are_sparse_float32_between_0_and_1(
    name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles
) -> None:
    model = fitted(name, unit).model
    for corpus in (tiny_roles.train, tiny_roles.validation):
        scores = model.predict(corpus.texts).scores
        assert isinstance(scores, csr_array)
        assert scores.shape == (len(corpus), len(model.labels))
        assert scores.dtype == np.float32
        assert scores.has_canonical_format
        assert ((scores.data > 0.0) & (scores.data < 1.0)).all()
        if name not in LOOKS_UP:
            assert (np.diff(scores.indptr) >= min(20, len(model.labels))).all()


@every_unit
@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in LOOKS_UP])
def test_few_ties_among_the_surest(
    name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles
) -> None:
    """Certificates whose words differ are told apart: the scores do not saturate."""
    texts = tiny_roles.validation.texts
    _, first = np.unique(np.array(words.sorted_words(words.normalise(texts.whole())).to_pylist()), return_index=True)
    scores = fitted(name, unit).model.predict(texts).scores[np.sort(first)]
    _, counts = np.unique(confidence("product", Evidence(scores, 0.5)), return_counts=True)
    assert counts[counts > 1].sum() <= 0.05 * len(first)


@every_model
def test_learns_from_one_certificate(name: str) -> None:
    corpus = by_line((2012, [("influenza", ["J11"])]))
    predictions = frame.fit(name, corpus, None, NO_KNOWLEDGE, parameters(name, "line"), Context()).predict(corpus.texts)
    assert predictions.labels.codes == ("J11",)
    assert name == "nothing" or predictions.scores[0, 0] >= 0.5


@every_model
def test_learns_where_words_are_not_parted(name: str) -> None:
    """Japanese and Chinese have no spaces, so that no word stands in two texts."""
    rng = np.random.default_rng(0)
    signs = "肺炎心筋梗塞脳出血糖尿病腎不全肝硬変胃癌結核敗血症老衰"
    corpus = by_certificate(
        *((2012, ["".join(rng.choice(list(signs), 8))], [f"A{number % 3}"]) for number in range(120))
    )
    model = frame.fit(name, corpus, None, NO_KNOWLEDGE, parameters(name, "certificate"), Context())
    assert len(model.predict(corpus.texts).labels) == 3


# ------------------------------------------------------------------------------------------- what it refuses


@every_model
@every_unit
@pytest.mark.parametrize(
    "corpus",
    [
        pytest.param(by_line((2012, [("flu", ["J11"])])).rows(0, 0), id="no certificate"),
        pytest.param(by_line((2012, [("flu", [])]), (2013, [("fall", [])])), id="no code"),
        pytest.param(by_line((2012, []), (2013, [])), id="no line"),
        pytest.param(by_line((2012, [("", ["J11"])])), id="no text"),
    ],
)
def test_refuses_empty_input(name: str, unit: str, corpus: Corpus) -> None:
    with pytest.raises(HarnessError, match=r"^training needs at least one certificate[^\n]*$"):
        frame.fit(name, corpus, None, NO_KNOWLEDGE, parameters(name, unit), Context())


@every_model
def test_refuses_an_unknown_parameter(name: str, tiny_roles: Roles) -> None:
    with pytest.raises(SpaceError, match=rf"^{name}\.colour: [^\n]+, but got 'red'$"):
        frame.fit(name, tiny_roles.train, None, NO_KNOWLEDGE, {"colour": "red"}, Context())


@every_model
@every_unit
def test_predicts_where_there_is_nothing_to_read(
    name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles
) -> None:
    model = fitted(name, unit).model
    nobody = model.predict(tiny_roles.train.texts.rows(0, 0))
    assert nobody.scores.shape == (0, len(model.labels))
    assert nobody.scores.dtype == np.float32
    odd = by_line((2015, []), (2015, [("", [])]), (2015, [("", []), ("", [])]), (2015, [("!? …", []), ("", [])]))
    scores = model.predict(odd.texts).scores
    assert scores.shape == (4, len(model.labels))
    assert np.diff(scores.indptr)[:3].tolist() == [0, 0, 0]


# --------------------------------------------------------------------------------------- saved, seeded, ordered


@every_model
@every_unit
def test_saves_and_loads_with_equal_scores(
    name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles, tmp_path: Path
) -> None:
    model = fitted(name, unit).model
    model.save(tmp_path / "model")
    loaded = frame.load(tmp_path / "model")
    assert (loaded.family, loaded.unit, loaded.labels, loaded.steps) == (name, unit, model.labels, model.steps)
    assert dict(loaded.parameters) == dict(model.parameters)
    same(loaded.predict(tiny_roles.validation.texts), model.predict(tiny_roles.validation.texts))
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        _holds_no_pickle(path)


def _holds_no_pickle(path: Path) -> None:
    assert path.suffix in {".json", ".npz", ".keras", ".safetensors", ".txt"}, path
    contents = {path.name: path.read_bytes()}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            contents |= {name: archive.read(name) for name in archive.namelist()}
    for name, content in contents.items():
        assert not name.endswith((".pkl", ".pickle", ".joblib")), (path, name)
        assert not (content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")), (path, name)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)
    if path.suffix == ".json":
        json.loads(contents[path.name])


@every_model
def test_repeats_itself_under_a_seed(name: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles) -> None:
    first = fitted(name, "line").model
    np.random.seed(12345)  # (a family that draws from the global generator must seed it itself)
    again = frame.fit(name, tiny_roles.train, None, NO_KNOWLEDGE, parameters(name, "line"), Context(seed=1))
    same(again.predict(tiny_roles.validation.texts), first.predict(tiny_roles.validation.texts))


@every_model
@every_unit
def test_a_certificate_is_scored_alone(
    name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles
) -> None:
    """Neither the order nor the company of certificates matters: production reads other batches than scoring."""
    model, texts = fitted(name, unit).model, tiny_roles.validation.texts
    together = model.predict(texts).scores.toarray()
    order = np.random.default_rng(3).permutation(len(texts))
    np.testing.assert_allclose(model.predict(texts.take(order)).scores.toarray(), together[order], rtol=1e-5, atol=1e-9)
    for row in (0, 7):
        alone = model.predict(texts.rows(row, row + 1)).scores.toarray()[0]
        np.testing.assert_allclose(alone, together[row], rtol=1e-5, atol=1e-9)


# -------------------------------------------------------------------------------------- it never sees later years


@every_model
def test_knows_no_code_of_a_later_year(name: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles) -> None:
    assert LATER in tiny_roles.train.labels.codes  # the files' label set has it
    for unit in UNITS:
        assert LATER not in fitted(name, unit).model.labels.codes


def test_texts_have_no_codes() -> None:
    """All that a family gets of validation is this; a field that tells codes must not slip in unseen."""
    assert {field.name for field in fields(Texts)} == {
        "ids", "years", "first_line", "lines", "parts", "intervals", "covariates",
    }  # fmt: skip
    assert {field.name for field in fields(Units)} == {"text", "hits", "covariates", "seasons"}
    assert {field.name for field in fields(Examples)} == {
        "units", "y", "weights", "labels", "times", "era", "unknown", "listed", "entries",
    }  # fmt: skip


@every_family
def test_other_codes_of_later_years_change_nothing(name: str, tiny_roles: Roles, tmp_path: Path) -> None:
    """A trial's predictions of validation, and its model, are the same when all later codes are shuffled."""
    shuffled = np.random.default_rng(5).permutation(140)
    read = tiny_roles.read
    order = np.r_[np.arange(300), 300 + shuffled]
    corpus = read.corpus
    assert corpus.by_line is not None
    exchanged = Corpus(corpus.texts, corpus.labels, corpus.codes[order], None)
    unchanged = Corpus(corpus.texts, corpus.labels, corpus.codes, None)
    found = [_trial(name, role_store(read, with_codes, tmp_path)) for with_codes in (exchanged, unchanged)]
    (reports, files), (other_reports, other_files) = found
    assert reports[-1].score != other_reports[-1].score  # the codes did change
    assert [report.step for report in reports] == [report.step for report in other_reports]
    for report, other in zip(reports, other_reports, strict=True):
        same(report.predictions, other.predictions)
    assert files["model.json"] == other_files["model.json"]
    assert LATER.encode() not in b"".join(files.values())
    assert b"zworgaemia" not in b"".join(files.values())  # a word of the later year alone


def role_store(read: Any, corpus: Corpus, home: Path) -> store.Store:
    role = np.repeat(np.array([0, 1, ROLES.index("heldout")], dtype=np.int8), [300, 80, 60])
    changed = type(read)(corpus, None, read.files, read.file, read.line, read.quarantine)
    return store.build(changed, RoleOfRow(role, 0), home)


def _trial(name: str, built: store.Store) -> tuple[list[Report], Mapping[str, bytes]]:
    reports: list[Report] = []
    spec = FitSpec(
        name,
        {**parameters(name, "certificate")},
        str(built.path),
        (built.roles["train"],),
        (built.roles["validation"],),
        seed=1,
        keep=True,
    )
    return reports, run_fit(spec, reports.append).model


# --------------------------------------------------------------------------------------------------- it reports


reporting = pytest.mark.parametrize("name", [name for name in FAMILIES if family(name).reports])


@every_family
@every_unit
def test_reports_each_step_once(name: str, unit: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles) -> None:
    found = fitted(name, unit)
    most = family(name).most_steps(frame.part(name, parameters(name, unit))[1])
    steps = [step for step, _ in found.reports]
    if family(name).reports:
        assert most > 1
        assert steps == list(range(1, most + 1))
        assert found.model.steps == most
        same(found.reports[-1][1], found.model.predict(tiny_roles.validation.texts))
        assert abs(found.reports[0][1].scores - found.reports[-1][1].scores).max() > 0.0  # each its own scores
    else:
        assert (most, found.model.steps, steps) == (1, 1, [])


@reporting
def test_a_refit_stops_at_its_frozen_steps(name: str, fitted: Callable[[str, str], Fitted], tiny_roles: Roles) -> None:
    steps: list[int] = []
    model = frame.fit(
        name,
        tiny_roles.train,
        tiny_roles.validation.texts,
        NO_KNOWLEDGE,
        parameters(name, "line"),
        Context(seed=1, steps=2),
        lambda step, _: steps.append(step),
    )
    assert (steps, model.steps) == ([1, 2], 2)
    same(model.predict(tiny_roles.validation.texts), fitted(name, "line").reports[1][1])


@reporting
def test_ends_early_at_a_deadline_with_what_it_has(name: str, tiny_roles: Roles) -> None:
    steps: list[int] = []
    model = frame.fit(
        name,
        tiny_roles.train,
        tiny_roles.validation.texts,
        NO_KNOWLEDGE,
        parameters(name, "line"),
        Context(seed=1, deadline=time.monotonic() - 1.0),
        lambda step, _: steps.append(step),
    )
    assert (steps, model.steps) == ([1], 1)
    assert model.predict(tiny_roles.validation.texts).scores.nnz


# ------------------------------------------------------------------------------------- heavy libraries stay away


def test_importing_every_family_imports_no_framework() -> None:
    script = """
import importlib, json, pkgutil, sys
import harness.families
early = [name for name in sys.modules if name.startswith("harness.families.")]
for module in pkgutil.walk_packages(harness.families.__path__, "harness.families."):
    importlib.import_module(module.name)
for name in (*harness.families.FAMILIES, *harness.families.FLOORS):
    harness.families.family(name).Parameters()
print(json.dumps([early, sorted(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    early, modules = json.loads(done.stdout)
    assert early == ["harness.families.family"]  # the registry is lazy
    assert "harness.families.bag" in modules
    heavy = {"tensorflow", "keras", "torch", "transformers", "sklearn", "ray", "optuna", "plotly"}
    assert not heavy & {name.partition(".")[0] for name in modules}
