"""The words of a transfer study, and its page as a file and in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from example_run import write_corpus, write_meta

from harness.files import Row
from harness.leaderboard.figures.looks import Interval
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.study.draw import curves, gains
from harness.leaderboard.study.gains import MEASURES, GainPoint
from harness.leaderboard.study.kinds import findings
from harness.leaderboard.study.page import build_study_page, write_study_page
from harness.leaderboard.study.tables import KEYS, raw
from harness.leaderboard.study.transfer import gain_groups, sentence, vanishes
from harness.run.study import CURVES, GAINS, TRANSFER, StudyFolder

SIZES = {"1/16": 600, "1/4": 2400, "1": 9600}
ARMS = {"random": 0.50, "pretrained": 0.66, "adapted": 0.70, "bag": 0.60, "label_attention": 0.64, "linear": 0.68}
SLICES = (("all", "micro_f1"), ("all", "exact_match"), ("100_up", "micro_f1"))
HOSTILE = "</script><script>window.hacked=1</script><b>bold</b>&amp;"


def points(*intervals: tuple[float, float, float] | None) -> list[GainPoint]:
    """A gain from the smallest size on."""
    return [
        GainPoint(size, n, "adapted", "bag", None if found is None else Interval(*found), n_seeds=3)
        for (size, n), found in zip(SIZES.items(), intervals, strict=True)
    ]


def write_study(path: Path, *, arms: Sequence[str] = tuple(ARMS), done: bool = True) -> StudyFolder:
    """A study in which what transfer gains grows smaller with more certificates."""
    study = StudyFolder(path)
    write_corpus(study)
    more = {"kind": TRANSFER, "arms": list(ARMS), "baselines": ["bag"], "sizes": list(SIZES), "seeds": 3}
    write_meta(study, **more, command="harness study transfer my.toml")
    for arm in arms:
        study.write_stage(f"tune-{arm}", tuned_row(arm))
        study.add_trial_of(arm, trial_row(arm))
        for size in SIZES if done else ["1"]:
            for seed in range(3):
                study.add_row(fit_row(arm, size, seed))
    if done:
        study.write_figure(CURVES, [row for size in SIZES for row in curve_rows(size)])
        study.write_figure(GAINS, [row for size in SIZES for row in gain_rows(size)])
    return study


def tuned_row(arm: str) -> Row:
    return {
        "arm": arm,
        "family": "encoder" if arm in ("random", "pretrained", "adapted") else arm,
        "start": arm if arm in ("random", "pretrained", "adapted") else None,
        "kind": "transfer",
        "parameters": {"layers": 3, "epochs": 4},
        "score": ARMS[arm],
        "steps": 4,
        "trials": 5,
        "slot_seconds": 61.0,
        "adaptation_seconds": 33.0 if arm == "adapted" else None,
        "closed": None,
        "reason": None,
    }


def trial_row(arm: str) -> Row:
    return {
        "trial": "encoder-0",
        "family": "encoder",
        "kind": "transfer",
        "status": "done",
        "reason": None,
        "parameters": {"layers": 3},
        "score": ARMS[arm],
        "seconds": 12.0,
        "started": 0.0,
        "slot_seconds": 14.0,
        "retry_of": None,
    }


def fit_row(arm: str, size: str, seed: int) -> Row:
    score = ARMS[arm] + 0.01 * seed
    return {
        "arm": arm,
        "family": arm,
        "kind": "transfer",
        "size": size,
        "n_train": SIZES[size],
        "seed": seed,
        "status": "done",
        "reason": None,
        "epochs": 4,
        "threshold": 0.3,
        "validation_score": score,
        "n": 2400,
        "micro_f1": score,
        "micro_f1_low": score - 0.02,
        "micro_f1_high": score + 0.02,
        "macro_f1": 0.8 * score,
        "exact_match": 0.7 * score,
        "exact_match_low": 0.6 * score,
        "exact_match_high": 0.8 * score,
        "micro_f1_unseen": None,
        "fit_seconds": 20.0,
    }


def curve_rows(size: str) -> list[Row]:
    return [
        {
            **{"arm": arm, "size": size, "n_train": SIZES[size], "slice": part, "measure": measure, "n_seeds": 3},
            **{"value": value, "low": value - 0.02, "high": value + 0.02},
        }
        for arm, value in ARMS.items()
        for part, measure in SLICES
    ]


def gain_rows(size: str) -> list[Row]:
    """Every slice has a row; the bands that no code of is there have no value."""
    value = {"1/16": 0.2, "1/4": 0.06, "1": 0.01}[size]
    ends = {"value": value, "low": value - 0.03, "high": value + 0.03}
    return [
        {
            **{"gain": gain, "first": "adapted", "second": second, "size": size, "n_train": SIZES[size]},
            **{"slice": part, "measure": measure, "n_seeds": 3},
            **(ends if (part, measure) in SLICES else dict.fromkeys(ends)),
        }
        for gain, second in (("over_neural", "label_attention"), ("over_linear", "linear"))
        for part, measure in MEASURES
    ]


GAIN, NONE, LOSS = (0.2, 0.1, 0.3), (0.01, -0.02, 0.04), (-0.2, -0.3, -0.1)


@pytest.mark.parametrize(
    ("found", "at"),
    [
        ((GAIN, GAIN, GAIN), None),
        ((GAIN, GAIN, NONE), "1"),
        ((GAIN, NONE, NONE), "1/4"),
        ((GAIN, NONE, LOSS), "1/4"),
        ((NONE, NONE, NONE), "1/16"),
        ((LOSS, GAIN, NONE), "1"),
        ((NONE, GAIN, GAIN), None),  # none yet with few certificates is no vanishing
        ((GAIN, NONE, GAIN), None),
        ((GAIN, None, NONE), "1"),  # where it is undefined, nothing vanishes
        ((GAIN, NONE, None), None),
        ((GAIN, (0.1, 0.0, 0.2), NONE), "1/4"),  # an interval that begins at 0 shows no gain
    ],
)
def test_where_a_gain_vanishes(found: tuple[tuple[float, float, float] | None, ...], at: str | None) -> None:
    gone = vanishes(points(*found))
    assert (gone.size if gone else None) == at


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            (GAIN, GAIN, GAIN),
            "Transfer learning (encoder, pretrained and adapted) gains +0.200 [+0.100, +0.300] micro-F1 over the best "
            "neural baseline (bag) with all 9,600 training certificates. It gains at every size studied, down to 600 "
            "(1/16): +0.200 [+0.100, +0.300].",
        ),
        (
            (GAIN, NONE, NONE),
            "Transfer learning (encoder, pretrained and adapted) shows no gain over the best neural baseline (bag) with "
            "all 9,600 training certificates: +0.010 [−0.020, +0.040] micro-F1. The gain vanishes at 2,400 (1/4) training "
            "certificates: from there on its interval reaches 0 or less; with 600 (1/16) it is +0.200 [+0.100, +0.300].",
        ),
        (
            (NONE, NONE, LOSS),
            "Transfer learning (encoder, pretrained and adapted) is a loss, not a gain, over the best neural baseline "
            "(bag) with all 9,600 training certificates: −0.200 [−0.300, −0.100] micro-F1. No size studied shows a gain.",
        ),
        (
            (NONE, GAIN, GAIN),
            "Transfer learning (encoder, pretrained and adapted) gains +0.200 [+0.100, +0.300] micro-F1 over the best "
            "neural baseline (bag) with all 9,600 training certificates. There is none yet with 600 (1/16).",
        ),
        (
            (GAIN, NONE, None),
            "Whether transfer learning (encoder, pretrained and adapted) gains over the best neural baseline (bag) with "
            "all 9,600 training certificates is undefined. It gains with 600 (1/16) +0.200 [+0.100, +0.300].",
        ),
        (
            (GAIN, None, NONE),
            "Transfer learning (encoder, pretrained and adapted) shows no gain over the best neural baseline (bag) with "
            "all 9,600 training certificates: +0.010 [−0.020, +0.040] micro-F1. The gain vanishes at all 9,600 training "
            "certificates: from there on its interval reaches 0 or less; with 600 (1/16) it is +0.200 [+0.100, +0.300]. "
            "It is undefined with 2,400 (1/4).",
        ),
        (
            (None, GAIN, GAIN),
            "Transfer learning (encoder, pretrained and adapted) gains +0.200 [+0.100, +0.300] micro-F1 over the best "
            "neural baseline (bag) with all 9,600 training certificates. It gains at every other size, down to 2,400 "
            "(1/4): +0.200 [+0.100, +0.300]. It is undefined with 600 (1/16).",
        ),
        (
            (GAIN, NONE, GAIN),
            "Transfer learning (encoder, pretrained and adapted) gains +0.200 [+0.100, +0.300] micro-F1 over the best "
            "neural baseline (bag) with all 9,600 training certificates. There is none with 2,400 (1/4).",
        ),
    ],
)
def test_one_sentence_states_the_gain_or_its_absence(
    found: tuple[tuple[float, float, float] | None, ...], said: str
) -> None:
    assert sentence("over_neural", points(*found), "micro_f1") == said


def test_the_sentence_says_where_fits_failed(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    left = {"1/16": 3, "1/4": 2, "1": 1}
    study.write_figure(GAINS, [{**row, "n_seeds": left[size]} for size in SIZES for row in gain_rows(size)])
    found = findings(study)[0]
    assert found.state is None  # the interval of one seed does not hold the spread of the seeds
    assert "with all 9,600 training certificates is undefined" in found.sentence
    assert found.sentence.endswith(
        "Fits failed, so that there are only 2 of 3 seeds with 2,400 (1/4) and 1 of 3 seeds with all 9,600."
    )
    assert gain_groups(study.figure(GAINS))[0].lines[0].cells[0].state is None


def test_findings_begin_with_the_neural_baselines(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    found = findings(study)
    assert [finding.gain for finding in found] == ["over_neural", "over_linear"]
    assert "The gain vanishes at all 9,600 training certificates" in found[0].sentence
    assert "with 2,400 (1/4) it is +0.060 [+0.030, +0.090]" in found[0].sentence


def shown(found: Panel | Missing) -> Panel:
    assert isinstance(found, Panel)
    return found


def test_curves_are_drawn_over_certificates_on_a_logarithmic_axis(tmp_path: Path) -> None:
    panel = shown(curves.panel(write_study(tmp_path), "study"))
    assert panel.name == "study-curves"
    assert panel.choosers[0].options == (
        "micro-F1, all codes",
        "exact match, all codes",
        "micro-F1, codes in 100 or more training certificates",
    )
    axis = panel.figure["layout"]["xaxis"]
    assert (axis["type"], axis["tickvals"]) == ("log", [600, 2400, 9600])
    (transfer,) = [trace for trace in panel.figure["views"][0]["data"] if trace["line"]["dash"] == "solid"]
    assert transfer["name"] == "encoder, pretrained and adapted"
    assert transfer["y"] == [0.7, 0.7, 0.7]
    assert transfer["error_y"]["array"] == pytest.approx([0.02] * 3)
    assert transfer["x"] == pytest.approx([600, 2400, 9600], rel=0.05)


def test_the_numbers_behind_the_curves_are_those_of_the_rows(tmp_path: Path) -> None:
    numbers = shown(curves.panel(write_study(tmp_path), "study")).numbers
    assert [heading.key for heading in numbers.headings][-3:] == ["value", "low", "high"]
    assert numbers.rows[0][:6] == ("encoder, random initialisation", "micro-F1", "all codes", "1/16", 600, 3)
    assert numbers.rows[0][6:] == (0.5, 0.5 - 0.02, 0.5 + 0.02)
    assert len(numbers.rows) == len(ARMS) * len(SIZES) * len(SLICES)


def test_gains_are_drawn_by_size_with_a_line_at_0(tmp_path: Path) -> None:
    panel = shown(gains.panel(write_study(tmp_path), "study7"))
    assert panel.name == "study7-gains"
    neural, linear = panel.figure["views"][0]["data"]
    assert (neural["name"], linear["name"]) == (
        "transfer over the best neural baseline",
        "transfer over the linear model",
    )
    assert neural["y"] == [0.2, 0.06, 0.01]
    assert neural["error_y"]["arrayminus"] == pytest.approx([0.03] * 3)
    assert neural["text"][2] == (
        "encoder, pretrained and adapted less label_attention, all 9,600: +0.010 [−0.020, +0.040]"
    )
    (zero,) = panel.figure["layout"]["shapes"]
    assert (zero["y0"], zero["y1"]) == (0, 0)
    assert panel.numbers.rows[0][-3:] == (0.2, 0.2 - 0.03, 0.2 + 0.03)


def test_figures_are_some_that_plotly_knows(tmp_path: Path) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    study = write_study(tmp_path)
    for panel in (shown(curves.panel(study, "a")), shown(gains.panel(study, "a"))):
        for view in panel.figure["views"]:
            plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})


def test_gains_stand_by_size_and_band(tmp_path: Path) -> None:
    groups = gain_groups(write_study(tmp_path).figure(GAINS))
    assert [group.title for group in groups] == [
        "transfer over the best neural baseline",
        "transfer over the linear model",
    ]
    assert [line.name for line in groups[0].lines] == ["all 9,600", "2,400 (1/4)", "600 (1/16)"]
    assert [cell.state for cell in groups[0].lines[0].cells] == ["none", "none", None, None, None, "none"]
    assert [cell.value for cell in groups[0].lines[2].cells] == ["+0.200", "+0.200", "–", "–", "–", "+0.200"]


def test_the_page_states_the_finding_and_how_it_was_made(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    page = build_study_page(study)
    assert page == build_study_page(study)
    assert write_study_page(study).read_bytes() == page.encode()
    for words in (
        "<h1>harness study: Transfer learning</h1>",
        "shows no gain over the best neural baseline (label_attention)",
        "these results test the plumbing, not medicine; no claim rests on them.",
        "epochs grow by the inverse root of that part, four times at most",
        "The encoder kept 3 of its layers.",
        "adaptation, s",
        "harness study transfer my.toml",
        "from there on its interval reaches 0 or less",
    ):
        assert words in page
    for arm in ("random", "pretrained", "adapted"):
        study.write_stage(f"tune-{arm}", {**tuned_row(arm), "parameters": {"layers": 0}})
    assert "The encoder kept all of its layers." in build_study_page(study)
    assert "unfinished" not in page.partition('id="finding"')[2].partition("</section>")[0]


def test_an_arm_that_could_not_be_tuned_is_said_to_be_missing(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert "Not compared" not in build_study_page(study)
    study.write_stage("tune-random", {**tuned_row("random"), "parameters": None, "reason": "over the time limit"})
    said = "Not compared, as they could not be tuned: encoder, random initialisation (over the time limit)."
    assert said in build_study_page(study)


KEPT = sorted(Path(__file__).parents[2].glob("leaderboards/example-[nt]*-*"))


@pytest.mark.parametrize("folder", KEPT, ids=[folder.name for folder in KEPT])
def test_kept_rows_give_a_page_with_their_findings(folder: Path) -> None:
    study = StudyFolder(folder)
    page = build_study_page(study)
    said = [finding.sentence for finding in findings(study)]
    assert len(said) >= 3
    assert all(sentence in page for sentence in said)
    assert "unfinished" not in page.partition('id="finding"')[2].partition("</section>")[0]


def test_a_study_that_is_not_done_says_what_is_missing(tmp_path: Path) -> None:
    tuning = build_study_page(write_study(tmp_path / "tuning", arms=["random", "bag"], done=False))
    assert "unfinished: 2 of 6 arms are tuned" in tuning
    assert "the curves come when every fit is done" in tuning
    assert "No gains yet" in tuning
    fitting = write_study(tmp_path / "fitting", done=False)
    assert "unfinished: 18 of 54 fits are done" in build_study_page(fitting)
    fitting.write_stage("tune-random", {**tuned_row("random"), "parameters": None, "reason": "over the time limit"})
    assert "unfinished: 18 of 45 fits are done" in build_study_page(fitting)


def test_hostile_texts_are_only_text(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    study.add_row({**fit_row("bag", "1", 0), "status": "failed", "reason": HOSTILE, "micro_f1": None})
    study.write_stage("tune-bag", {**tuned_row("bag"), "reason": HOSTILE, "parameters": {HOSTILE: HOSTILE}})
    study.add_trial_of("bag", {**trial_row("bag"), "trial": HOSTILE, "reason": HOSTILE})
    page, plain = build_study_page(study), build_study_page(write_study(tmp_path / "plain"))
    assert "window.hacked" in page
    assert "<script>window.hacked" not in page
    assert page.count("<script") == plain.count("<script")


def test_the_download_holds_every_fit(tmp_path: Path) -> None:
    rows = raw(write_study(tmp_path).rows())
    assert len(rows) == 54
    first = dict(zip(KEYS, rows[0], strict=True))
    assert (first["arm"], first["size"], first["n_train"], first["micro_f1"]) == ("random", "1/16", 600.0, 0.5)
    assert first["reason"] is None


@pytest.mark.browser
def test_a_browser_draws_the_curves(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium; apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    page_file = write_study_page(write_study(tmp_path))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(page_file.as_uri())
        for name in ("study-curves", "study-gains"):
            page.locator(f"[data-plot={name}]").scroll_into_view_if_needed()
            expect(page.locator(f"[data-plot={name}][data-drawn=true] .main-svg").first).to_be_attached(timeout=20_000)
        page.locator("select[data-figure=study-curves]").select_option("1")
        expect(page.locator("[data-plot=study-curves] .scatterlayer .trace")).to_have_count(len(ARMS))
        page.locator("#fits th", has_text="micro-F1").first.get_by_role("button").click()
        expect(page.locator("#fits tbody tr").first).to_contain_text("encoder, pretrained and adapted")
        with page.expect_download() as download:
            page.locator("button[data-saved]").click()
        lines = Path(download.value.path()).read_bytes().decode().split("\r\n")
        browser.close()
    assert problems == []
    assert lines[0] == ",".join(KEYS)
    assert len(lines) == 1 + 54 + 1
