"""Several runs on one page: names of their own, every pick marked, and what may not be compared."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from example_run import PICK, write_run
from in_browser import browser as browser
from in_browser import opened, wide

from harness.errors import RunError
from harness.files import write_json
from harness.leaderboard import marks
from harness.leaderboard.board.table import leaderboard
from harness.leaderboard.command import make_pages
from harness.leaderboard.figures.cost import cost
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.merge import merged
from harness.leaderboard.page import build_merged, build_page
from harness.leaderboard.rows import Evidence
from harness.run.folder import RunFolder
from harness.run.study import StudyFolder

STUDY = Path(__file__).parent.parent.parent / "leaderboards" / "example-transfer-connecticut"
FIRST, SECOND = "20260302-093012", "20260405-101500"
Row = dict[str, Any]
EMPTY = Evidence(meta={}, corpus={}, trials=(), scorecards=(), pick=None, curves=())


def two(home: Path, **changes: Any) -> list[RunFolder]:
    """The example run, and the same under another name; ``changes`` are of the second one's corpus."""
    runs = [write_run(home / name) for name in (FIRST, SECOND)]
    for run in runs:
        write_json(run.path / "run.json", run.meta() | {"run": run.name})
    write_json(runs[1].path / "corpus.json", runs[1].corpus() | changes)
    return runs


def card(model: str, **changes: Any) -> Row:
    row = {"model": model, "family": model.split("-")[0], "kind": "baseline", "role": "heldout", "year": "2020"}
    return row | {"unit": "certificate", "n": 10} | changes


def run_of(*models: str, slots: int = 1, **changes: Any) -> Evidence:
    trials = tuple(
        {"trial": model, "family": model.split("-")[0], "status": "done", "slot": slot, "retry_of": models[0]}
        for slot in range(slots)
        for model in models
    )
    values: Row = {"scorecards": tuple(card(model) for model in models), "trials": trials}
    values["meta"] = {"families": sorted({model.split("-")[0] for model in models}), "objective": "micro_f1"}
    values["pick"] = {"model": models[0], "family": models[0].split("-")[0], "shortlist": [], "rejected": []}
    return replace(EMPTY, **values | changes)


def test_one_run_alone_is_left_as_it_is() -> None:
    alone = run_of("linear-0")
    found = merged([("x", alone)])
    assert found.evidence is alone
    assert (found.parts, found.notices) == ((alone,), ())


def test_every_model_says_its_run_and_a_family_where_two_have_it() -> None:
    found = merged([("x", run_of("linear-0", "bag-1")), ("y", run_of("linear-0", "encoder-2"))])
    names = [row["model"] for row in found.evidence.scorecards]
    assert names == ["linear-0 · x", "bag-1 · x", "linear-0 · y", "encoder-2 · y"]
    assert [row["family"] for row in found.evidence.scorecards] == ["linear · x", "bag", "linear · y", "encoder"]
    assert found.evidence.meta["families"] == ["bag", "linear · x", "encoder", "linear · y"]
    assert found.evidence.picks == {"linear-0 · x", "linear-0 · y"}
    assert found.evidence.picked is None
    assert [part.picked for part in found.parts] == ["linear-0 · x", "linear-0 · y"]


def test_every_row_that_names_a_model_is_renamed_and_slots_come_one_after_another() -> None:
    certified = {
        "promises": {"a-0": {"made": True}},
        "naive": {"a-0": {}},
        "speeds": {"a-0": 3.0},
        "ties": [{"first": "a-0", "second": "a-0", "low": 0.0}],
        "earlier_readings": 1,
    }
    rows = {"curves": ({"model": "a-0"},), "importances": ({"family": "a"},), "alarms": ({"model": None},)}
    one = run_of("a-0", slots=2, certified=certified, **rows)
    found = merged([("x", one), ("y", replace(one))])
    assert [(row["trial"], row["retry_of"], row["slot"]) for row in found.evidence.trials] == [
        ("a-0 · x", "a-0 · x", 0),
        ("a-0 · x", "a-0 · x", 1),
        ("a-0 · y", "a-0 · y", 2),
        ("a-0 · y", "a-0 · y", 3),
    ]
    assert [row["model"] for row in found.evidence.curves] == ["a-0 · x", "a-0 · y"]
    assert [row["family"] for row in found.evidence.importances] == ["a · x", "a · y"]
    assert [row["model"] for row in found.evidence.alarms] == [None, None]
    named = found.parts[1].certified or {}
    assert list(named["promises"]) == list(named["naive"]) == list(named["speeds"]) == ["a-0 · y"]
    assert named["ties"] == [{"first": "a-0 · y", "second": "a-0 · y", "low": 0.0}]
    assert one.certified is not None
    assert list(one.certified["promises"]) == ["a-0"]  # the rows that were read are left alone


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"fingerprint": "other"}, ["from different certificates", "No two of them are comparable."]),
        ({"roles": {"heldout": {"years": [2021]}}}, ["hold out different years", "No two"]),
        ({"code_list": {"fingerprint": "z"}}, ["different code lists", "No two"]),
    ],
)
def test_what_may_not_be_compared_is_said(changes: Row, words: list[str]) -> None:
    corpus = {"fingerprint": "f", "roles": {"heldout": {"years": [2020]}}, "code_list": {"fingerprint": "c"}}
    found = merged([("x", run_of("a-0", corpus=corpus)), ("y", run_of("a-0", corpus=corpus | changes))])
    assert len(found.notices) == (len(words) + 1 if words else 0)
    assert all(any(word in notice for notice in found.notices) for word in words)
    assert bool(found.evidence.sets) == bool(words)


def test_runs_that_share_their_certificates_are_named() -> None:
    corpora = ({"fingerprint": "f"}, {"fingerprint": "g"}, {"fingerprint": "f"})
    found = merged([(name, run_of("a-0", corpus=one)) for name, one in zip("xyz", corpora, strict=True)])
    assert found.notices[2:] == ("Scored on the same certificates, and comparable: x, z.",)
    assert {name: found.evidence.set_of(f"a-0 · {name}") for name in "xyz"} == {"x": 0, "y": 1, "z": 0}


def test_a_practice_alarm_of_other_certificates_says_its_run() -> None:
    row = {"alarm": "practice", "year": "2020", "model": None, "code": "I21", "measure": "its own words"}
    for other, years in (("f", {"2020"}), ("g", {"2020 · x", "2020 · y"})):
        runs = [
            (name, run_of("a-0", corpus={"fingerprint": mark}, alarms=(row,)))
            for name, mark in (("x", "f"), ("y", other))
        ]
        assert {one["year"] for one in merged(runs).evidence.alarms} == years


def test_sets_that_cannot_be_compared_are_ranked_and_drawn_apart() -> None:
    """The second run is better and cheaper than the others, and takes no place and no front from them."""
    runs = []
    for name, mark, score, speed in (("x", "f", 0.5, 10.0), ("y", "g", 0.9, 90.0), ("z", "f", 0.7, 5.0)):
        cards = tuple(
            card(
                model,
                micro_f1=value,
                micro_f1_low=value - 0.1,
                micro_f1_high=value + 0.1,
                certificates_per_second=speed,
            )
            for model, value in (("a-0", score), ("b-1", score - 0.3))
        )
        runs.append((name, run_of("a-0", "b-1", corpus={"fingerprint": mark}, scorecards=cards)))
    evidence = merged(runs).evidence
    models = evidence.models()
    seen = looks(evidence, models)
    table = leaderboard(evidence, models, seen)
    assert [line.model.name for line in table.lines] == [
        *("a-0 · z", "a-0 · x", "b-1 · z", "b-1 · x"),
        *("a-0 · y", "b-1 · y"),
    ]
    assert "each with bars on its own scale" in table.caption
    assert [line.comparable for line in table.lines] == [0, 0, 0, 0, 1, 1]
    (view,) = cost(evidence, seen).views
    assert [[point.look.label for point in front] for front in view.fronts] == [["a-0 · x", "a-0 · z"], ["a-0 · y"]]
    place = [column.key for column in table.columns].index("micro_f1")
    bars = {line.model.name: line.cells[place].bar for line in table.lines}
    assert bars["a-0 · z"] is not None
    assert bars["a-0 · y"] is not None
    assert bars["a-0 · z"].high == bars["a-0 · y"].high  # each the end of its own set's scale


def test_a_model_keeps_its_colour_beside_another_run_and_no_two_look_alike() -> None:
    runs = [(name, run_of("a-0", "b-1", "b-2")) for name in "xyz"]
    found = merged(runs)
    seen = looks(found.evidence, found.evidence.models())
    for name, run in runs:
        for model, look in looks(run, run.models()).items():
            assert seen[f"{model} · {name}"].colour == look.colour
    drawn = {(look.colour, marks.trace(look)["marker"]["symbol"]) for look in seen.values()}
    assert len(drawn) == len(seen) == 9


# the page ------------------------------------------------------------------------------------------------------------


def test_a_rebuilt_run_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    (run, _) = two(tmp_path / "leaderboards")
    (page,) = make_pages([str(run.path)], None)
    first = page.read_bytes()
    assert page == run.page
    assert first == build_page(run).encode()
    assert make_pages([str(run.path), str(run.path)], None) == [run.page]  # named twice it is one run
    assert run.page.read_bytes() == first


def test_a_merged_page_has_a_verdict_for_each_run_and_the_rows_of_all(tmp_path: Path) -> None:
    runs = two(tmp_path, fingerprint="another")
    page = build_merged(runs, [])
    assert page == build_merged(runs, [])
    for words in (
        f"Runs <strong>{FIRST}, {SECOND}</strong>",
        "These runs were made from different certificates: their scores cannot be compared.",
        'id="verdict"',
        'id="verdict-2"',
        'id="made-2"',
        "In the table, runs that cannot be compared follow one another, the best of each set first.",
        f"{PICK} · {SECOND}",
    ):
        assert words in page
    ids = re.findall(r'\bid="([^"]+)"', page.split("<script")[0])
    assert len(ids) == len(set(ids))
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [row[0] for row in data["table"]["rows"]].count(f"{PICK} · {FIRST}") == 1
    assert "</strong>, <strong>" not in page
    assert unescape(page).count('<span class="tag">pick</span>') >= 2
    assert "The upright mark in the risk column" not in page  # the runs promise each their own


def test_of_generated_and_real_runs_the_generated_ones_are_named(tmp_path: Path) -> None:
    page = build_merged(two(tmp_path, generated=False), [])
    assert f"<strong>Generated text in {FIRST}:</strong>" in page
    assert "<strong>Generated text:</strong>" not in page
    assert "<strong>Generated text:</strong>" in build_merged(two(tmp_path / "both"), [])


def test_a_run_shows_studies_beside_it(tmp_path: Path) -> None:
    (run, _) = two(tmp_path)
    page = build_merged([run], [StudyFolder(STUDY)])
    section = page.split('<section id="studies"')[1].split('<section id="published"')[0]
    assert "data-plot=" in section
    assert "harness study transfer CONFIG" in build_page(run)


# the command ---------------------------------------------------------------------------------------------------------


def test_several_runs_go_to_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two(tmp_path / "leaderboards")
    monkeypatch.chdir(tmp_path)
    assert make_pages([FIRST, SECOND], None) == [Path("leaderboards/merged.html")]
    assert make_pages([FIRST, SECOND], Path("both.html")) == [Path("both.html")]
    assert (tmp_path / "both.html").read_bytes() == (tmp_path / "leaderboards" / "merged.html").read_bytes()
    assert make_pages([FIRST], Path("one.html")) == [Path("one.html")]
    assert not list((tmp_path / "leaderboards").glob("*/leaderboard.html"))


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    (run, _) = two(tmp_path)
    with pytest.raises(RunError, match="--language must be one of en, fr, but got 'de'"):
        make_pages([str(run.path)], None, "de")
    assert not run.page.exists()


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (
            "trials.jsonl",
            '{"trial": "a", "family": "b", "status": "done"}\n{"trial":\n{}\n',
            "line 2 of X/trials.jsonl",
        ),
        ("trials.jsonl", '{"trial": "a"}\n', "line 1 of X/trials.jsonl has no family"),
        ("scorecards.jsonl", "[]\n", "line 1 of X/scorecards.jsonl"),
        ("scorecards.jsonl", "\n\n\udcff\n", "line 3 of X/scorecards.jsonl"),
        ("run.json", "{", "X/run.json is not (expecting property name enclosed in double quotes, line 1)"),
        ("run.json", "[1]", "X/run.json"),
        ("run.json", "", "X/run.json"),
        (
            "pick.json",
            '{"model": "a",\n',
            "X/pick.json is not (expecting property name enclosed in double quotes, line 2)",
        ),
        ("stages/certify.json", "nothing", "X/stages/certify.json"),
        ("figures/backtest.parquet", "PAR1", "X/figures/backtest.parquet is damaged or cut short"),
    ],
)
def test_a_damaged_run_is_refused_by_its_file_and_line(tmp_path: Path, file: str, content: str, words: str) -> None:
    run = two(tmp_path)[0]
    run.page.write_text("as it was")
    (run.path / file).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(RunError) as caught:
        make_pages([str(run.path)], None)
    assert words.replace("X", run.name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert run.page.read_text() == "as it was"


def test_a_missing_run_and_a_folder_without_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("none", str(tmp_path / "empty")):
        with pytest.raises(RunError, match="RUN must be a run"):
            make_pages([name], None)
    run = two(tmp_path)[0]
    with pytest.raises(RunError, match="-o must name a file"):
        make_pages([str(run.path)], tmp_path)


# in a browser --------------------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_merged_page_opens_and_asks_for_nothing(browser: Any, tmp_path: Path, width: int) -> None:
    runs = two(tmp_path / "leaderboards", fingerprint="another")
    (page,) = make_pages([str(run.path) for run in runs] + [str(STUDY)], tmp_path / "merged.html")
    watch = opened(browser, page, width, drawn=["curves"])
    assert watch.page.locator(".verdict").count() == 2
    sets = "[...document.querySelectorAll('#models tbody tr')].map((row) => row.dataset.set).join('')"
    assert watch.page.evaluate(sets) == "0" * 6 + "1" * 6
    watch.page.locator('#models th[data-column="exact_match"] button').press("Enter")
    assert watch.page.evaluate(sets) == "0" * 6 + "1" * 6
    assert wide(watch.page) == 0
    assert watch.found == []
