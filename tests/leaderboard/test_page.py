"""The page as a file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from example_run import PICK, N, scored, trial_rows, write_corpus, write_meta, write_run

from harness.files import write_json
from harness.leaderboard.page import build_page, write_page
from harness.run.folder import RunFolder

HOSTILE = "</script><script>window.hacked=1</script><b>bold</b>&amp;<a href='//plot.ly'>%{x} \u2028"
NAME = "20260302-093012"


class _Elements(HTMLParser):
    """What a reader of HTML finds: tags with attributes, and the contents of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[dict[str, str | None], str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem in ("script", "style"):
            tag, attributes = self.tags[-1]
            self.raw.append((attributes | {"tag": tag}, data))

    def of(self, **wanted: str) -> str:
        return next(data for attributes, data in self.raw if wanted.items() <= attributes.items())


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / NAME)


def hostile_run(path: Path) -> RunFolder:
    """A run in which every text that is not ours is hostile."""
    run = RunFolder(path)
    name = f"linear-3{HOSTILE}"
    write_meta(run, run=HOSTILE, families=["linear", HOSTILE], hardware={"cpu": HOSTILE}, libraries={HOSTILE: HOSTILE})
    write_corpus(run)
    write_json(run.path / "corpus.json", run.corpus() | {"quarantine": {"total": 1, "rules": {HOSTILE: 1}}})
    for row in trial_rows():
        run.add_trial(row | {"reason": HOSTILE, "parameters": {HOSTILE: HOSTILE}})
    run.add_trial(trial_rows()[0] | {"trial": HOSTILE, "family": HOSTILE, "status": HOSTILE})
    cards, curves, pick = scored()
    for row in (*cards, *curves, *pick["shortlist"], pick):
        if row["model"] == PICK:
            row["model"] = name
    for card in cards:
        card["reason"] = HOSTILE
    cards[-1]["family"] = "=1+1"
    run.write_scorecards(cards)
    run.write_figure("risk_coverage", curves)
    run.write_pick(pick | {"reasons": [HOSTILE], "warnings": [HOSTILE]})
    return run


def test_the_same_rows_give_the_same_bytes(run: RunFolder) -> None:
    assert build_page(run) == build_page(run)
    assert write_page(run).read_bytes() == build_page(run).encode()
    assert run.page.name == "leaderboard.html"


def test_the_page_shows_pick_promise_scores_and_provenance(run: RunFolder) -> None:
    page = build_page(run)
    for words in (
        "<h1>harness leaderboard</h1>",
        "these results test the plumbing, not medicine; no claim rests on them.",
        "The held-out years bear the promise out.",
        "of the 2 certified candidates it covers most of the calibration years",
        "The same calibration certificates were read by 1\xa0earlier run",
        "Held-out years 2020–2021, 2,400\xa0certificates",
        "5f0c6f5e2d1a4c0f",
        "code outside the code system",
    ):
        assert words in page
    trials = gzip.decompress(base64.b64decode(json.loads(_Elements(page).of(id="data"))["trials"])).decode()
    assert "out of memory: the trial passed 6 GB" in trials
    assert "/home/somebody" not in page + trials
    assert "Generated text" not in build_page(write_run(run.path.parent / "real", generated=False))


def test_nothing_points_outside_and_every_script_and_style_has_its_hash(run: RunFolder) -> None:
    elements = _Elements(build_page(run))
    for _, attributes in elements.tags:
        for name in ("src", "href", "action", "srcset", "poster", "data", "formaction"):
            assert (attributes.get(name) or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    policy = next(str(found["content"]) for tag, found in elements.tags if found.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    library = gzip.decompress(base64.b64decode(elements.of(id="library"))).decode()
    ours = [data for attributes, data in elements.raw if attributes["tag"] == "style" or "type" not in attributes]
    for content in (*ours, library):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert len(ours) == 4


def test_hostile_texts_are_only_text(tmp_path: Path) -> None:
    page = build_page(hostile_run(tmp_path / NAME))
    elements = _Elements(page)
    plain = _Elements(build_page(write_run(tmp_path / "plain")))
    assert "<script>window" not in page
    assert {tag for tag, _ in elements.tags} == {tag for tag, _ in plain.tags}
    assert sum(tag == "script" for tag, _ in elements.tags) == 3
    data = json.loads(elements.of(id="data"))
    assert any(HOSTILE in str(row[0]) for row in data["table"]["rows"])


@pytest.mark.parametrize("stage", ["begun", "read", "searched", "scored"])
def test_an_unfinished_run_has_a_page_that_says_so(tmp_path: Path, stage: str) -> None:
    run = RunFolder(tmp_path / NAME)
    write_meta(run, search_seconds=None, wall_seconds=None)
    if stage != "begun":
        write_corpus(run)
    if stage in ("searched", "scored"):
        for row in trial_rows():
            run.add_trial(row)
    if stage == "scored":
        cards, _, _ = scored()
        run.write_scorecards([row for row in cards if row["role"] == "validation"])
    said = {
        "begun": "unfinished: the certificates have not been read to the end",
        "read": "unfinished: no trial has ended yet",
        "searched": "unfinished: 36\xa0trials ended, no model is scored yet",
        "scored": "unfinished: models are scored, none is picked yet",
    }
    page = build_page(run)
    assert said[stage] in page
    assert ("No held-out years were scored" in page) == (stage == "scored")


def test_without_held_out_years_validation_is_shown_and_named(tmp_path: Path) -> None:
    page = build_page(write_run(tmp_path / NAME, heldout=False))
    assert "these are validation scores" in page
    assert f"Validation years 2018, {N:,}\xa0certificates" in page
    assert "A promise is made, and nothing confirms it yet." in page


def test_undefined_is_a_dash_with_its_reason(tmp_path: Path) -> None:
    run = write_run(tmp_path / NAME)
    numbers = ("unit", "year", "n")
    cards = [
        {key: None if isinstance(value, int | float) and key not in numbers else value for key, value in row.items()}
        | {"reason": "the model gave no scores"}
        for row in run.scorecards()
    ]
    run.write_scorecards(cards)
    run.write_pick((run.pick() or {}) | {"model": None, "promise": None, "reasons": [], "shortlist": []})
    page = build_page(run)
    assert '<span class="tipped">the model gave no scores</span>' in page
    assert "No model was picked." in page
    shown = re.sub(r"<[^>]*>", " ", page.split('id="data"')[0].split("</style>")[-1])
    assert not re.search(r"\bnan\b", shown, re.I)
    data = json.loads(_Elements(page).of(id="data"), parse_constant=pytest.fail)
    place = data["table"]["columns"].index("micro_f1")
    assert {row[place] for row in data["table"]["rows"]} == {None}


def with_ensemble(run: RunFolder) -> RunFolder:
    """The run with an ensemble that was picked, and with finalists of three seeds, one of which failed."""
    cards = run.scorecards()
    own = [
        row | {"model": "ensemble", "family": "committee", "kind": "ensemble"} for row in cards if row["model"] == PICK
    ]
    run.write_scorecards([*own, *cards])
    run.write_pick((run.pick() or {}) | {"model": "ensemble", "family": "committee"})
    run.write_stage(
        "decide", {"models": [], "ensemble": {"reason": "linear-3 (0.60), bag-1 (0.40), chosen from 9 trials"}}
    )
    keys = ("score", "micro_f1", "exact_match")
    rows = []
    for model, scores in (("bag-1", (0.7, 0.72, None)), ("linear-3", (0.8, 0.81, 0.82))):
        for seed, score in enumerate(scores):
            reason = None if score is not None else "MemoryError at harness/x.py:3"
            rows.append(
                {"model": model, "seed": seed, "candidate": seed == 0, "reason": reason, **dict.fromkeys(keys, score)}
            )
    run.write_figure("seeds", rows)
    return run


def test_the_ensemble_has_a_row_with_its_members_named(run: RunFolder) -> None:
    assert "<h3>Ensemble</h3>" not in build_page(run)
    page = build_page(with_ensemble(run))
    assert re.search('<tr [^>]*data-kind="ensemble"[^>]*class="is-pick"', page)
    assert "linear-3 (0.60), bag-1 (0.40), chosen from 9 trials." in page
    assert '<input type="checkbox" value="ensemble" checked>' in page
    assert "(committee)" not in page


def test_the_spread_over_seeds_tells_the_candidate_apart(run: RunFolder) -> None:
    assert "Spread over seeds" not in build_page(run)
    page = build_page(with_ensemble(run))
    for words in ("0.8100 ± 0.0100", "0.8000–0.8200", "0.7100 ± 0.0141", "2 of 3", "3 of 3"):
        assert f'<td class="number">{words}</td>' in page
    assert "<li>bag-1 with the seed 2: MemoryError at harness/x.py:3</li>" in page
    assert page.index('<th scope="row">linear-3</th><td class="number">3 of 3') < page.index("2 of 3")
