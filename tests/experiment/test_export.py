from __future__ import annotations

import csv
import dataclasses
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Columns, CorpusConfig, RunConfig, Synthetic, YearsConfig
from harness.corpus.certificate import Corpus
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.formats import reader
from harness.corpus.knowledge import Knowledge
from harness.corpus.synthetic import generate, write_lines
from harness.decision.drift import DriftReference
from harness.decision.practice import PracticeReference
from harness.decision.promise import Promise
from harness.decision.rule import GATES, Candidate, DecisionRule, UnitRule, Witness, decide, predict
from harness.decision.textgate import TextGate
from harness.errors import BundleError, RunError
from harness.experiment.export import GENERATED, export
from harness.families import frame
from harness.families.family import Context
from harness.files import write_json
from harness.production.bundle import load
from harness.run.folder import RunFolder

Row = dict[str, Any]
OFFICE = "/srv/office/secret"
CANARY = "CANARY-ID"
PHRASES = {"heart failure": "I50", "stroke": "I64", "pneumonia": "J18"}
CONFIG = RunConfig(
    corpus=CorpusConfig(
        format="table",
        path=(Path(f"{OFFICE}/certificates.csv"),),
        codes=f"{OFFICE}/codes.csv",
        columns=Columns(id="id", year="year", text=("a", "b"), codes="codes"),
    ),
    years=YearsConfig(train=(2014,), validation=(2015,)),
)
PROMISE = Promise(True, 0.02, 0.95, 1, 0.05, 149, 0, 0.6, 160, 0, 0.4, 400, 0.04, "promised 2 % at 95 %", ())
NOT_MADE = dataclasses.replace(
    PROMISE, made=False, threshold=None, reason="impossible: 20 certificates passed the gate"
)
PARTS = ("threshold", "certificate", "line", "gates", "witnesses", "always_person")
CODES = CodeList(
    (CodeEntry("I50", "Heart failure"), CodeEntry("I64", "Stroke – unspecified"), CodeEntry("Z99", "Other"))
)


def certificates(folder: Path) -> Corpus:
    rng = random.Random(0)
    path = folder / "certificates.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "year", "a", "b", "codes"))
        for number in range(80):
            said = rng.sample(sorted(PHRASES), rng.choice([1, 2]))
            writer.writerow((f"{CANARY}-{number}", 2014, *[*said, ""][:2], ";".join(PHRASES[text] for text in said)))
    return reader("table")((path,), CONFIG.corpus, True).corpus


def picked_run(
    folder: Path, promise: Promise | None = PROMISE, *, generated: bool = False, witnesses: tuple[Witness, ...] = ()
) -> tuple[RunFolder, Corpus]:
    """A run as its stages leave it: a certified dictionary that was picked, another finalist, a floor, a witness."""
    run, corpus = RunFolder(folder / "20260302-093012"), certificates(folder)
    finalists = {"dictionary-4": "sorted", "dictionary-7": "exact"}
    gate = TextGate.learnt([corpus.texts], Knowledge())
    models: list[Row] = []
    for name, loosest in finalists.items():
        model = frame.fit("dictionary", corpus, None, Knowledge(), {"loosest": loosest}, Context())
        model.save(run.model(name) / "model")
        certified = promise if name == "dictionary-4" else None
        asked = witnesses if name == "dictionary-4" else ()
        unit = UnitRule("margin", promise=certified)
        rule = DecisionRule(0.4, unit, gate, gates=GATES, witnesses=asked, always_person=("O00-O99",))
        rule.save(run.model(name) / "rule")
        models.append({"model": name, "family": "dictionary", "kind": "baseline", "parameters": {"loosest": loosest}})
    repeat = frame.fit("exact_repeat", corpus, None, Knowledge(), {"unit": "certificate"}, Context())
    repeat.save(run.model("witness-exact") / "model")
    models.append({"model": "floor-nothing", "family": "nothing", "kind": "floor", "parameters": {}})
    models.append({"model": "bag-0", "family": "bag", "kind": "baseline", "parameters": {}})
    run.write_stage("decide", {"models": models})
    refitted = {name: {"seconds": 1.0} for name in (*finalists, "floor-nothing")}
    run.write_stage("refit", {"models": refitted, "lost": {"bag-0": "lost"}, "roles": ["train", "validation"]})
    run.write_pick({"model": "dictionary-4"})
    write_json(
        run.path / "run.json",
        {
            "format": 1,
            "version": "0.1.0",
            "commit": None,
            "libraries": {"numpy": "2.4.6"},
            "seed": 7,
            "command": f"harness search {OFFICE}/search.toml",
        },
    )
    roles = {"train": {"years": [2012, 2013], "n": 1234}, "validation": {"years": [2014], "n": 500}}
    write_json(run.path / "corpus.json", {"fingerprint": "abc", "generated": generated, "roles": roles})
    score = {"role": "validation", "year": "all", "n": 500, "micro_f1": 0.75, "exact_match": 0.5}
    undefined = {"coverage": None, "risk": None}
    run.write_scorecards([{"model": name} | score | undefined for name in finalists])
    return run, corpus


def test_the_picked_model_decides_in_the_bundle_as_in_the_run(tmp_path: Path) -> None:
    run, corpus = picked_run(tmp_path)
    assert export(run, CONFIG, CODES, None, tmp_path / "bundle") == "dictionary-4"
    bundle = load(tmp_path / "bundle")
    model = frame.load(run.model("dictionary-4") / "model")
    rule = DecisionRule.load(run.model("dictionary-4") / "rule")
    assert {name: getattr(bundle.candidate.rule, name) for name in PARTS} == {
        name: getattr(rule, name) for name in PARTS
    }
    scored = decide(rule, model.predict(corpus.texts), corpus.texts)
    shipped = predict(Candidate(bundle.candidate.model, bundle.candidate.rule), corpus.texts)
    assert shipped.codes.toarray().tolist() == scored.codes.toarray().tolist()
    assert shipped.confidence.tolist() == scored.confidence.tolist()
    assert shipped.reason.tolist() == scored.reason.tolist()
    assert shipped.automatic.any()


WITNESS = Witness("witness-exact", 0.5)


def test_a_witness_is_in_the_bundle_and_is_asked(tmp_path: Path) -> None:
    run, corpus = picked_run(tmp_path, witnesses=(WITNESS,))
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    assert bundle.description["witnesses"] == ["witness-exact"]
    models = {name: frame.load(run.model(name) / "model") for name in ("dictionary-4", "witness-exact")}
    rule = DecisionRule.load(run.model("dictionary-4") / "rule")
    kept = {name: model.predict(corpus.texts) for name, model in models.items()}
    assert predict(bundle.candidate, corpus.texts).reason.tolist() == (
        decide(rule, kept["dictionary-4"], corpus.texts, kept).reason.tolist()
    )
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Beside it the bundle holds witness-exact, whose agreement it asks." in card
    assert "- other codes than witness-exact would give" in card
    export(run, CONFIG, CODES, "dictionary-7", tmp_path / "other")  # it asks nobody
    assert load(tmp_path / "other").candidate.witnesses == {}
    assert not (tmp_path / "other" / "witnesses").exists()


def test_what_the_alarms_compare_with_is_in_the_bundle(tmp_path: Path) -> None:
    run, corpus = picked_run(tmp_path)
    practice = PracticeReference.learnt([corpus], Knowledge(CODES))
    practice.save(run.path / "watch")
    n = len(corpus)
    nothing = np.zeros(n, bool)
    drift = DriftReference.learnt(2014, nothing, nothing, np.zeros(n), corpus.labels, corpus.codes, ())
    drift.save(run.model("dictionary-4") / "drift.json")
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    bundle = load(tmp_path / "bundle")
    assert bundle.drift is not None
    assert bundle.drift.calibration.to_dict() == drift.calibration.to_dict()
    assert bundle.practice is not None
    assert bundle.practice.watch.words == practice.watch.words
    export(run, CONFIG, CODES, "dictionary-7", tmp_path / "other")  # nothing was counted for it
    assert (load(tmp_path / "other").drift, load(tmp_path / "other").practice) == (None, None)


def test_the_card_has_both_promises(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    place = run.model("dictionary-4") / "rule"
    rule = dataclasses.replace(DecisionRule.load(place), line=UnitRule("product"))
    line = dataclasses.replace(PROMISE, unit="line", reason="promised 5 % of lines")
    for promises, said in (
        (
            (NOT_MADE, line),
            "Impossible: 20 certificates passed the gate.\n\nPromised 5 % of lines.\nIt holds as long as",
        ),
        ((None, line), "## Promise\n\nPromised 5 % of lines.\nIt holds as long as"),
    ):
        rule.certified(*promises).save(place)
        export(run, CONFIG, CODES, None, tmp_path / said[:3] / "bundle")
        assert said in (tmp_path / said[:3] / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_what_the_bundle_says_of_itself(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    assert dict(load(tmp_path / "bundle").description) == {
        "format": 2,
        "run": "20260302-093012",
        "model": "dictionary-4",
        "family": "dictionary",
        "kind": "baseline",
        "parameters": {"loosest": "sorted"},
        "witnesses": [],
        "picked": True,
        "version": "0.1.0",
        "commit": None,
        "libraries": {"numpy": "2.4.6"},
        "seed": 7,
        "fingerprint": "abc",
        "years": {"train": [2012, 2013], "validation": [2014]},
    }
    labels = json.loads((tmp_path / "bundle" / "labels.json").read_text(encoding="utf-8"))
    assert labels == {"I50": "Heart failure", "I64": "Stroke – unspecified", "J18": ""}
    assert load(tmp_path / "bundle").corpus == CONFIG.corpus.model_copy(update={"path": (), "codes": None})


def test_the_model_card(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# Model card: dictionary-4\n")
    for part in (
        "gives 3 codes",
        "Promised 2 % at 95 %.\nIt holds as long as",
        "| train | 2012, 2013 | 1,234 |",
        "fitted on train and validation",
        "| validation | all | 500 | 0.7500 | 0.5000 | – | – |",
        "It is as\nconfidential as the certificates themselves.",
    ):
        assert part in card
    assert "generated text" not in card
    assert len(re.findall(r"^## ", card, re.MULTILINE)) == 5


@pytest.mark.parametrize(
    ("promise", "said"),
    [
        (None, "There is no promise: every certificate goes to a person."),
        (NOT_MADE, "Impossible: 20 certificates passed the gate."),
    ],
)
def test_the_card_of_a_model_without_a_promise_promises_nothing(
    tmp_path: Path, promise: Promise | None, said: str
) -> None:
    run, corpus = picked_run(tmp_path, promise)
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"## Promise\n\n{said}\n\n## Data" in card
    assert not predict(load(tmp_path / "bundle").candidate, corpus.texts).automatic.any()


def test_the_card_says_that_text_was_generated(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path, generated=True)
    export(run, CONFIG, None, None, tmp_path / "bundle")
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "**Trained on generated text: it must not code real certificates.**" in card
    assert set(json.loads((tmp_path / "bundle" / "labels.json").read_text()).values()) == {""}


def test_another_finalist(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    assert export(run, CONFIG, CODES, "dictionary-7", tmp_path / "bundle") == "dictionary-7"
    bundle = load(tmp_path / "bundle")
    assert bundle.description["picked"] is False
    assert bundle.candidate.rule.certificate.promise is None
    assert bundle.candidate.model.parameters == {"loosest": "exact"}


@pytest.mark.parametrize("model", ["floor-nothing", "bag-0", "nobody-1", "../dictionary-4"])
def test_what_cannot_be_exported_lists_what_can(tmp_path: Path, model: str) -> None:
    run, _ = picked_run(tmp_path)
    with pytest.raises(RunError, match=r"--model must be one of dictionary-4, dictionary-7, but got") as caught:
        export(run, CONFIG, CODES, model, tmp_path / "bundle")
    assert repr(model) in str(caught.value)
    assert not (tmp_path / "bundle").exists()


def test_a_run_without_a_pick_has_nothing_to_export(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    (run.path / "pick.json").unlink()
    with pytest.raises(RunError, match=r"needs a run that has a pick.*harness resume 20260302-093012"):
        export(run, CONFIG, CODES, None, tmp_path / "bundle")


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    with pytest.raises(BundleError, match="empty or not there"):
        export(run, CONFIG, CODES, "dictionary-7", tmp_path / "bundle")
    assert load(tmp_path / "bundle").description["model"] == "dictionary-4"


def test_nothing_of_the_office_stands_in_the_bundle(tmp_path: Path) -> None:
    run, _ = picked_run(tmp_path)
    export(run, CONFIG, CODES, None, tmp_path / "bundle")
    for path in (tmp_path / "bundle").rglob("*"):
        for secret in (CANARY, OFFICE, str(tmp_path), str(Path.cwd()), "search.toml", "certificates.csv"):
            assert path.is_dir() or secret.encode() not in path.read_bytes(), f"{secret} in {path.name}"


def test_a_bundle_of_generated_text_reads_what_corpus_generate_writes(tmp_path: Path) -> None:
    """Its certificates come back with the same texts: a bundle's decisions on them can be checked."""
    made = generate(Synthetic(certificates=100, codes=20))
    path = next(path for path in write_lines(made, tmp_path / "files") if path.name == "certificates.csv")
    back = reader(GENERATED.format)((path,), GENERATED, False).corpus
    assert back.texts.ids.equals(made.corpus.texts.ids)
    assert back.texts.years.tolist() == made.corpus.texts.years.tolist()
    assert back.texts.whole().equals(made.corpus.texts.whole())

    run, _ = picked_run(tmp_path, generated=True)
    config = CONFIG.model_copy(update={"corpus": CorpusConfig(format="synthetic")})
    export(run, config, None, None, tmp_path / "bundle")
    assert load(tmp_path / "bundle").corpus == GENERATED
