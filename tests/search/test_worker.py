from __future__ import annotations

import json
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from certificates import read_by_line
from pydantic import Field
from scipy.sparse import csr_array

from harness.config import YearsConfig
from harness.corpus import store
from harness.corpus.certificate import strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon
from harness.corpus.store import Slice, Store
from harness.corpus.years import assign
from harness.decision.objective import objective
from harness.errors import CorpusError, SpaceError, UnknownName, place
from harness.families import FAMILIES, frame
from harness.families.family import Context, Examples, Parameters, Predictions, Units, sparsify
from harness.search.worker import FitSpec, PredictSpec, Report, known, read_files, run_fit, run_predict, write_files

CANARY = "CANARY"
Line = tuple[str, Sequence[str]]
TRAIN: list[list[Line]] = [
    [("heart failure", ["I50"]), ("old stroke", ["I64", "I69"])],
    [("heart failure", ["I50"])],
    [("pneumonia", ["J18"]), ("heart failure", ["I50"])],
    [("old stroke", ["I69"])],
    [("unknown", [])],
    [("pneumonia", ["J18"]), ("new drug", ["T40"])],
]
VALIDATION: list[list[Line]] = [
    [("HEART failure", ["I50"])],
    [("stroke, old", ["I69"]), ("new drug", ["T40"])],
    [("pneumonia", ["J18"])],
    [("heart failure", ["I50"]), ("plague", ["A20"])],
    [("unknown", [])],
]
PARAMETERS = {"unit": "line", "smoothing": 0.5}


def build(home: Path, validation: Sequence[list[Line]] = VALIDATION) -> Store:
    read = read_by_line(
        *((2014, lines) for lines in TRAIN), *((2015, lines) for lines in validation), (2016, [("pneumonia", ["J18"])])
    )
    return store.build(read, assign(read, YearsConfig(train=(2014,), validation=(2015,), heldout=(2016,))), home)


@pytest.fixture(scope="module")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build(tmp_path_factory.mktemp("stores"))


def spec(of: Store, **changes: Any) -> FitSpec:
    base = FitSpec(
        family="dictionary",
        parameters=PARAMETERS,
        store=str(of.path),
        train=(of.roles["train"],),
        validation=(of.roles["validation"],),
    )
    return replace(base, **changes)


def same(a: Predictions, b: Predictions) -> bool:
    return a.labels == b.labels and a.scores.toarray().tolist() == b.scores.toarray().tolist()


# the one way to fit and to predict


@pytest.mark.parametrize("unit", ["line", "certificate"])
def test_fit_and_predict_equal_the_frame(tiny_store: Store, unit: str) -> None:
    parameters = {"unit": unit, "smoothing": 0.5}
    result = run_fit(spec(tiny_store, parameters=parameters, keep=True))
    train, validation = (tiny_store.corpus(tiny_store.roles[role]) for role in ("train", "validation"))
    wanted = frame.fit("dictionary", train, None, Knowledge(), parameters, Context())
    found = run_predict(PredictSpec(result.model, str(tiny_store.path), (tiny_store.roles["validation"],)))
    assert same(found.predictions, wanted.predict(validation.texts))
    assert found.predictions.scores.nnz
    assert (result.steps, result.n_labels) == (1, len(wanted.labels)) == (1, 5)
    assert result.seconds > 0
    assert found.seconds > 0


def test_a_family_that_does_not_report_is_scored_once(tiny_store: Store) -> None:
    reports: list[Report] = []
    result = run_fit(spec(tiny_store, objective="exact_match", keep=True), reports.append)
    validation = tiny_store.corpus(tiny_store.roles["validation"])
    (found,) = reports
    scored = objective("exact_match", validation, found.predictions)
    assert (found.step, found.score, found.threshold, found.reason) == (1, scored.score, scored.threshold, None)
    again = run_predict(PredictSpec(result.model, str(tiny_store.path), (tiny_store.roles["validation"],)))
    assert same(found.predictions, again.predictions)


def test_without_validation_nothing_is_reported(tiny_store: Store) -> None:
    reports: list[Report] = []
    run_fit(spec(tiny_store, validation=()), reports.append)
    assert reports == []


def test_the_model_is_kept_only_where_it_is_wanted(tiny_store: Store) -> None:
    assert run_fit(spec(tiny_store)).model == {}
    kept = run_fit(spec(tiny_store, keep=True)).model
    assert {"model.json", "unit/dictionary.json", "unit/prior.npz"} <= set(kept)


def test_a_model_is_written_and_read_back(tiny_store: Store, tmp_path: Path) -> None:
    kept = run_fit(spec(tiny_store, keep=True)).model
    write_files(kept, tmp_path / "a" / "model")
    assert read_files(tmp_path / "a" / "model") == kept
    write_files({"deep/er/file": b"\x00\xff", "empty": b""}, tmp_path / "b")
    assert read_files(tmp_path / "b") == {"deep/er/file": b"\x00\xff", "empty": b""}
    validation = tiny_store.corpus(tiny_store.roles["validation"]).texts
    loaded = frame.load(tmp_path / "a" / "model").predict(validation)
    rows = (tiny_store.roles["validation"],)
    assert same(loaded, run_predict(PredictSpec(kept, str(tiny_store.path), rows)).predictions)


def test_neighbouring_roles_are_fitted_together(tiny_store: Store) -> None:
    roles = tiny_store.roles
    both = run_fit(spec(tiny_store, train=(roles["train"], roles["validation"]), validation=(), keep=True))
    assert both.n_labels == 6  # A20 stands on a certificate of the validation year alone
    whole = Slice(0, roles["heldout"].stop)
    found = run_predict(PredictSpec(both.model, str(tiny_store.path), (whole,))).predictions
    assert found.scores.shape == (len(TRAIN) + len(VALIDATION) + 1, 6)
    of_roles = [roles[role] for role in ("train", "validation", "heldout")]
    apart = [run_predict(PredictSpec(both.model, str(tiny_store.path), (rows,))).predictions for rows in of_roles]
    assert np.vstack([part.scores.toarray() for part in apart]).tolist() == found.scores.toarray().tolist()


def test_the_years_of_the_code_list_hold(tiny_store: Store, tmp_path: Path) -> None:
    knowledge = store.keep_knowledge(Knowledge(CodeList((CodeEntry("I69", valid_to=2014),))), tmp_path)
    reports: list[Report] = []
    result = run_fit(spec(tiny_store, knowledge=knowledge, keep=True), reports.append)
    column = reports[0].predictions.labels.index["I69"]
    assert reports[0].predictions.scores.toarray()[:, column].max() == 0
    rows = (tiny_store.roles["train"],)
    earlier = run_predict(PredictSpec(result.model, str(tiny_store.path), rows)).predictions
    assert earlier.scores.toarray()[:, column].max() > 0.5


def test_what_is_known_does_not_travel_with_a_trial(tiny_store: Store, tmp_path: Path) -> None:
    many = CodeList(tuple(CodeEntry(f"X{number:04}", "a title of some length") for number in range(10_000)))
    knowledge = store.keep_knowledge(
        Knowledge(many, Lexicon(strings(["a"] * 10_000), strings(["X0001"] * 10_000)), "en"), tmp_path
    )
    assert len(pickle.dumps(spec(tiny_store, knowledge=knowledge))) < 2_000
    assert known(knowledge).fingerprint == Path(knowledge).name.removeprefix("knowledge-")
    assert known("") == Knowledge()


def test_no_certificates_to_predict(tiny_store: Store) -> None:
    kept = run_fit(spec(tiny_store, keep=True)).model
    found = run_predict(PredictSpec(kept, str(tiny_store.path), (Slice(3, 3),)))
    assert found.predictions.scores.shape == (0, 5)


def test_codes_of_later_years_change_no_prediction(tiny_store: Store, tmp_path: Path) -> None:
    """The codes of the validation year are dealt to other certificates: only the score may change."""
    codes = [of_line for lines in VALIDATION for _, of_line in lines]
    dealt = iter([*codes[2:], *codes[:2]])
    other = build(tmp_path, [[(text, next(dealt)) for text, _ in lines] for lines in VALIDATION])
    reports: list[Report] = []
    kept = [run_fit(spec(of, keep=True), reports.append).model for of in (tiny_store, other)]
    assert reports[0].score != reports[1].score
    assert same(reports[0].predictions, reports[1].predictions)
    assert kept[0] == kept[1]


# steps


class CountingParameters(Parameters):
    steps: int = Field(3, ge=1)
    best: int = 3


@dataclass(frozen=True)
class Counted:
    steps: int
    n_labels: int

    def predict(self, units: Units) -> csr_array:
        return sparsify(np.full((len(units), self.n_labels), self.steps / 10))

    def save(self, folder: Path) -> None:
        (folder / "steps").write_text(f"{self.steps} {self.n_labels}")


class Counting:
    """Reports each of its steps, and keeps the step ``best``; it notes the contexts that it was fitted in."""

    name: ClassVar[str] = "counting"
    kind: ClassVar[str] = "baseline"
    needs: ClassVar[float] = 0.0
    reports: ClassVar[bool] = True
    Parameters: ClassVar[type[Parameters]] = CountingParameters
    contexts: ClassVar[list[Context]] = []

    def fit(
        self,
        train: Examples,
        validation: Units | None,
        knowledge: Knowledge,
        parameters: CountingParameters,
        context: Context,
    ) -> Counted:
        self.contexts.append(context)
        steps = context.steps or parameters.steps
        for step in range(1, steps + 1):
            if validation is not None and context.report is not None:
                context.report(step, Counted(step, len(train.labels)).predict(validation))
        return Counted(context.steps or min(steps, parameters.best), len(train.labels))

    def load(self, folder: Path, device: str) -> Counted:
        steps, n_labels = map(int, (folder / "steps").read_text().split())
        return Counted(steps, n_labels)

    def most_steps(self, parameters: CountingParameters) -> int:
        return parameters.steps


class Quoting:
    """Raises with the text that it was given, as libraries do."""

    kind: ClassVar[str] = "baseline"
    Parameters: ClassVar[type[Parameters]] = CountingParameters

    def fit(self, train: Examples, *rest: Any) -> Counted:
        try:
            raise KeyError(f"{CANARY} {train.units.text[0].as_py()}")
        except KeyError as error:
            raise ValueError(f"{CANARY}: no such word") from error


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> list[Context]:
    """The contexts of the fits of a family that counts its steps."""
    monkeypatch.setitem(FAMILIES, "counting", f"{__name__}:Counting")
    Counting.contexts.clear()
    return Counting.contexts


def test_each_step_is_reported_in_its_order(tiny_store: Store, counting: list[Context]) -> None:
    reports: list[Report] = []
    result = run_fit(spec(tiny_store, family="counting", parameters={"steps": 4, "best": 4}), reports.append)
    assert [report.step for report in reports] == [1, 2, 3, 4]
    assert [report.predictions.scores.max() for report in reports] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert result.steps == 4


def test_a_model_of_an_earlier_step_is_reported_once_more(tiny_store: Store, counting: list[Context]) -> None:
    """So that what is kept last are the predictions of the model itself."""
    reports: list[Report] = []
    result = run_fit(spec(tiny_store, family="counting", parameters={"steps": 4, "best": 2}, keep=True), reports.append)
    assert [report.step for report in reports] == [1, 2, 3, 4, 2]
    rows = (tiny_store.roles["validation"],)
    assert same(reports[-1].predictions, run_predict(PredictSpec(result.model, str(tiny_store.path), rows)).predictions)


def test_a_refit_takes_the_frozen_steps(tiny_store: Store, counting: list[Context]) -> None:
    result = run_fit(spec(tiny_store, family="counting", parameters={"steps": 9}, steps=2, validation=(), keep=True))
    assert (result.steps, counting[0].steps) == (2, 2)
    rows = (tiny_store.roles["heldout"],)
    found = run_predict(PredictSpec(result.model, str(tiny_store.path), rows)).predictions
    assert found.scores.max() == pytest.approx(0.2)


def test_the_circumstances_reach_the_family(tiny_store: Store, counting: list[Context]) -> None:
    run_fit(spec(tiny_store, family="counting", parameters={}, seed=7, soft_seconds=60.0, device="gpu", threads=3))
    run_fit(spec(tiny_store, family="counting", parameters={}))
    there, usual = counting
    assert (there.seed, there.device, there.threads, there.steps) == (7, "gpu", 3, None)
    assert there.deadline is not None
    assert (usual.seed, usual.device, usual.threads, usual.deadline) == (0, "cpu", 1, None)


# errors


def test_an_error_leaves_as_its_type_and_place(tiny_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "quoting", f"{__name__}:Quoting")
    with pytest.raises(ValueError, match=CANARY) as caught:
        run_fit(spec(tiny_store, family="quoting", parameters={}))
    where = place(caught.value)
    assert CANARY not in where
    assert "heart" not in where
    kind, _, at = where.partition(" at ")
    assert kind == "ValueError"
    path, _, line = at.partition(":")
    assert path == "harness/families/frame.py"
    source = Path(frame.__file__).read_text(encoding="utf-8").splitlines()
    assert ").fit(" in "".join(source[int(line) - 1 : int(line) + 1])


def test_the_place_of_an_error_in_a_library_is_the_last_line_of_the_package(tiny_store: Store) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        run_fit(spec(tiny_store, store=f"/nowhere/{CANARY}"))
    assert place(caught.value).startswith("FileNotFoundError at harness/corpus/store.py:")


def test_the_place_of_an_error_elsewhere_has_no_folder() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(CANARY)
    assert re.fullmatch(r"JSONDecodeError at decoder\.py:\d+", place(caught.value))
    assert place(KeyError(CANARY)) == "KeyError"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"parameters": {"unit": "page"}}, SpaceError),
        ({"parameters": {"smoothing": -1.0}}, SpaceError),
        ({"family": "nobody"}, UnknownName),
        ({"objective": "accuracy"}, UnknownName),
        ({"train": (Slice(4, 5),)}, CorpusError),  # its only certificate has no code
        ({"train": (Slice(0, 2), Slice(3, 5))}, ValueError),
    ],
)
def test_a_spec_that_cannot_be_run_is_refused(
    tiny_store: Store, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_fit(spec(tiny_store, **changes), lambda report: None)
