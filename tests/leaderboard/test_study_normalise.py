"""The words of a normalisation study, and its page as a file and in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path

import pytest
from example_run import write_corpus, write_meta
from hypothesis import given
from hypothesis import strategies as st

from harness.files import Row, read_json, write_json
from harness.leaderboard.figures.looks import Interval
from harness.leaderboard.panel import Missing, Panel
from harness.leaderboard.study.draw import arms as draw
from harness.leaderboard.study.gains import MEASURES, GainPoint, stated
from harness.leaderboard.study.kinds import findings
from harness.leaderboard.study.normalise import KEYS, gain_groups, label, normaliser_line, scores
from harness.leaderboard.study.page import build_study_page, write_study_page
from harness.leaderboard.study.tables import raw
from harness.leaderboard.study.wordings import wordings
from harness.run.study import CURVES, GAINS, NORMALISATION, NORMALISER, WORDINGS, StudyFolder

N = 9600
CODERS = ("dictionary", "linear")
TASKS = {"code": 0.60, "normalise": 0.62, "joint": 0.58}
ARMS = TASKS | {
    **{"dictionary": 0.50, "dictionary-normalised": 0.56, "dictionary-both": 0.55},
    **{"linear": 0.70, "linear-normalised": 0.61, "linear-both": 0.71},
}
SLICES = (("all", "micro_f1"), ("all", "exact_match"), ("100_up", "micro_f1"))
Ends = tuple[float, float, float]
GAINED: Mapping[str, tuple[str, str, Ends]] = {
    "normalise": ("normalise", "code", (0.02, 0.01, 0.03)),
    "joint": ("joint", "code", (-0.02, -0.03, -0.01)),
    "over_baseline": ("normalise", "linear", (-0.08, -0.1, -0.06)),
    "dictionary-normalised": ("dictionary-normalised", "dictionary", (0.06, 0.04, 0.08)),
    "dictionary-both": ("dictionary-both", "dictionary", (0.05, 0.03, 0.07)),
    "linear-normalised": ("linear-normalised", "linear", (-0.09, -0.11, -0.07)),
    "linear-both": ("linear-both", "linear", (0.01, -0.01, 0.03)),
}
MADE: Row = {
    **{"arm": "normalise", "folds": 2, "seconds": 93.1, "n": 28_800, "changed": 0.71},
    "scores": {"normalise": 0.71, "joint": 0.58},
    "folders": {"normalised": "0123", "both": "4567"},
    "reason": None,
}
NONE = "neither normalise nor joint has a finished trial"
UNMADE: Row = {
    **{"arm": None, "folds": 2, "seconds": 0.0, "n": 0, "changed": None, "scores": {}, "folders": {}},
    "reason": NONE,
}
HOSTILE = "</script><script>window.hacked=1</script><b>bold</b>&amp;"


def write_study(
    path: Path, *, arms: Sequence[str] = tuple(ARMS), made: Row | None = MADE, done: bool = True
) -> StudyFolder:
    """A study in which the dictionary gains by normalised text and the linear model loses; ``arms`` are those tuned."""
    study = StudyFolder(path)
    write_corpus(study)
    more = {"kind": NORMALISATION, "arms": list(ARMS), "coders": list(CODERS), "sizes": ["1"], "seeds": 3, "folds": 2}
    write_meta(study, **more, command="harness study normalise my.toml")
    if made is not None:
        study.write_stage(NORMALISER, made)
    without = made["reason"] if made else None
    for arm in arms:
        dead = without is not None and (arm in ("normalise", "joint") or arm.endswith(("-normalised", "-both")))
        study.write_stage(f"tune-{arm}", tuned_row(arm, without if dead else None))
        if done and not dead:
            for seed in range(3):
                study.add_row(fit_row(arm, seed))
    if done:
        study.write_figure(CURVES, [row for arm in ARMS for row in curve_rows(arm)])
        study.write_figure(GAINS, [row for gain in GAINED for row in gain_rows(gain)])
        study.write_figure(WORDINGS, wording_rows())
    return study


def tuned_row(arm: str, reason: str | None = None) -> Row:
    found = dict.fromkeys(("start", "closed", "adaptation_seconds", "parameters", "score", "steps"))
    row: Row = {"arm": arm, "family": "seq2seq" if arm in TASKS else arm.partition("-")[0], "reason": reason}
    row |= {"trials": 0 if reason else 5, "slot_seconds": 0.0 if reason else 61.0}
    return {**found, **row} | ({} if reason else {"parameters": {"epochs": 4}, "score": ARMS[arm], "steps": 4})


def fit_row(arm: str, seed: int) -> Row:
    score, writes = ARMS[arm] + 0.01 * seed, arm in ("normalise", "joint")
    row = {
        **{"arm": arm, "family": arm, "kind": "encoder-decoder", "size": "1", "n_train": N, "seed": seed},
        **{"status": "done", "reason": None, "epochs": 4, "threshold": 0.3, "validation_score": score, "n": 2400},
        **{"micro_f1": score, "micro_f1_low": score - 0.02, "micro_f1_high": score + 0.02, "macro_f1": 0.8 * score},
        **{"exact_match": 0.7 * score, "exact_match_low": 0.6 * score, "exact_match_high": 0.8 * score},
        **{"micro_f1_unseen": None, "fit_seconds": 20.0, "text": arm.partition("-")[2] or "raw"},
    }
    reason = None if writes else "the model writes no standard text"
    for part in ("", "_unseen"):
        row |= {
            f"normalised_exact_match{part}": 0.613 if writes else None,
            f"normalised_cer{part}": 0.21 if writes else None,
        }
        row |= {f"normalised_reason{part}": reason}
    return row


def curve_rows(arm: str) -> list[Row]:
    value = ARMS[arm]
    ends = {"value": value, "low": value - 0.02, "high": value + 0.02}
    return [
        {"arm": arm, "size": "1", "n_train": N, "slice": part, "measure": measure, "n_seeds": 3}
        | (ends if (part, measure) in SLICES else dict.fromkeys(ends))
        for part, measure in MEASURES
    ]


def gain_rows(gain: str, ends: Ends | None = None, n_seeds: int = 3) -> list[Row]:
    first, second, usual = GAINED[gain]
    value, low, high = ends or usual
    return [
        {
            **{"gain": gain, "first": first, "second": second, "size": "1", "n_train": N},
            **{"slice": part, "measure": measure, "n_seeds": n_seeds},
            **({"value": value, "low": low, "high": high} if (part, measure) in SLICES else NOTHING),
        }
        for part, measure in MEASURES
    ]


NOTHING: Row = {"value": None, "low": None, "high": None}


def wording_rows(n_unseen: int = 1234) -> list[Row]:
    """Of each part: exact match, CER, chrF, code F1."""
    known: dict[str, dict[str, tuple[float, ...]]] = {
        "normalise": {"all": (0.8, 0.1, 88.0, 0.9), "unseen": (0.621, 0.25, 71.5, 0.801)},
        "joint": {"all": (0.7, 0.2, 80.0, 0.8), "unseen": (0.5, 0.35, 61.5, 0.7)},
        "nearest": {"all": (0.75, 0.15, 85.0, 0.85), "unseen": (0.498, 0.4, 60.0, 0.6)},
        "ceiling": {"all": (0.93,), "unseen": (0.823,)},
    }
    rows: list[Row] = []
    for arm, parts in known.items():
        for part, values in parts.items():
            for measure, value in zip(("exact_match", "cer", "chrf", "code_f1"), values, strict=False):
                n = 7000 if part == "all" else n_unseen
                has = measure == "exact_match" and arm in TASKS
                ends = {"low": value - 0.02 if has else None, "high": value + 0.02 if has else None}
                row = {
                    "arm": arm,
                    "slice": part,
                    "measure": measure,
                    "n_lines": n,
                    "n_seeds": 3,
                    "value": value,
                    **ends,
                }
                rows.append(row if n else {**row, **NOTHING})
    return rows


def section(page: str, name: str) -> str:
    """One section of the page, as it is read."""
    found = page.partition(f'<section id="{name}"')[2].partition("</section>")[0].partition(">")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", found))).strip()


def sentences(study: StudyFolder) -> list[str]:
    return [found.sentence for found in findings(study)]


def test_the_findings_say_what_normalising_adds_in_the_order_of_the_questions(tmp_path: Path) -> None:
    found = findings(write_study(tmp_path))
    assert [one.sentence for one in found] == [
        "Writing the standard wording before its code (encoder-decoder, normalise) gains +0.020 [+0.010, +0.030] micro-F1 over "
        "writing the code alone.",
        "Learning to write the wording beside the codes (encoder-decoder, joint) is a loss, not a gain, over writing the code "
        "alone: −0.020 [−0.030, −0.010] micro-F1.",
        "dictionary: reading the normalised text gains +0.060 [+0.040, +0.080] micro-F1 over the raw text; reading both texts "
        "gains +0.050 [+0.030, +0.070] micro-F1 over the raw text.",
        "linear: reading the normalised text is a loss, not a gain, over the raw text: −0.090 [−0.110, −0.070] micro-F1; "
        "reading both texts shows no gain over the raw text: +0.010 [−0.010, +0.030] micro-F1.",
        "The best encoder-decoder (normalise) is a loss, not a gain, over the best coder of the raw text (linear): −0.080 "
        "[−0.100, −0.060] micro-F1.",
    ]
    assert [one.state for one in found] == ["gain", "loss", "gain", "none", "loss"]


@pytest.mark.parametrize(
    ("ends", "n_seeds", "state", "said"),
    [
        ((0.02, 0.01, 0.03), 3, "gain", "gains +0.020 [+0.010, +0.030] micro-F1 over writing the code alone."),
        ((0.02, 0.0, 0.04), 3, "none", "shows no gain over writing the code alone: +0.020 [+0.000, +0.040] micro-F1."),
        (
            (-0.02, -0.04, 0.0),
            3,
            "none",
            "shows no gain over writing the code alone: −0.020 [−0.040, +0.000] micro-F1.",
        ),
        (
            (-0.02, -0.03, -0.01),
            3,
            "loss",
            "is a loss, not a gain, over writing the code alone: −0.020 [−0.030, −0.010] micro-F1.",
        ),
        (
            (0.02, 0.01, 0.03),
            2,
            "gain",
            "gains +0.020 [+0.010, +0.030] micro-F1 over writing the code alone (fits failed: 2 of 3 seeds).",
        ),
        ((0.02, 0.01, 0.03), 1, None, "gains over writing the code alone is undefined (fits failed: 1 of 3 seeds)."),
    ],
)
def test_the_first_sentence_states_the_gain_or_its_absence(
    tmp_path: Path, ends: Ends, n_seeds: int, state: str | None, said: str
) -> None:
    study = write_study(tmp_path)
    rows = [row for gain in GAINED if gain != "normalise" for row in gain_rows(gain)]
    study.write_figure(GAINS, [*rows, *gain_rows("normalise", ends, n_seeds)])
    first = findings(study)[0]
    assert first.state == state
    what = "riting the standard wording before its code (encoder-decoder, normalise) "
    assert first.sentence == (f"Whether w{what}{said}" if state is None else f"W{what}{said}")
    page = build_study_page(study)
    chip = {"gain": "gain", "loss": "loss", "none": "no gain shown", None: "undefined"}[state]
    assert section(page, "finding").startswith(f"{chip} {first.sentence}")


@given(st.tuples(*[st.floats(-1, 1, allow_nan=False)] * 3), st.integers(0, 5))
def test_a_gain_is_said_only_where_the_whole_interval_lies_above_0(ends: Ends, n_seeds: int) -> None:
    low, value, high = sorted(ends)
    said = stated("It", "over that", GainPoint("1", N, "a", "b", Interval(value, low, high), n_seeds), "micro_f1")
    assert said.startswith("It gains ") == (low > 0 and n_seeds >= 2)
    assert said.startswith("It is a loss, ") == (high < 0 and n_seeds >= 2)
    assert said.startswith("Whether ") == (n_seeds < 2)


def test_exact_match_is_spoken_of_where_the_arms_were_tuned_on_it(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    write_json(study.path / "run.json", read_json(study.path / "run.json") | {"objective": "exact_match"})
    assert "+0.020 [+0.010, +0.030] exact match" in sentences(study)[0]
    assert [view.label for view in scores(study).views][:2] == ["exact match, all codes", "micro-F1, all codes"]


def test_a_missing_arm_leaves_the_other_findings(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    study.write_stage("tune-code", tuned_row("code", "over the time limit"))
    left = [gain for gain in GAINED if gain not in ("normalise", "joint", "linear-normalised")]
    study.write_figure(GAINS, [row for gain in left for row in gain_rows(gain)])
    found = findings(study)
    assert [one.gain for one in found] == ["dictionary", "linear", "over_baseline"]
    assert found[1].sentence == (
        "linear: reading both texts shows no gain over the raw text: +0.010 [−0.010, +0.030] micro-F1."
    )
    page = build_study_page(study)
    assert section(page, "finding").startswith(f"gain {found[0].sentence}")
    assert "Not compared, as they could not be tuned: encoder-decoder, code (over the time limit)." in section(
        page, "finding"
    )


def shown(found: Panel | Missing) -> Panel:
    assert isinstance(found, Panel)
    return found


def test_the_figure_has_a_row_for_each_arm_under_its_heading(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    found = scores(study)
    assert [(line.label, line.group, line.name) for line in found.lines][:5] == [
        ("encoder-decoder, code", "encoder-decoder", "code"),
        ("encoder-decoder, normalise", "encoder-decoder", "normalise"),
        ("encoder-decoder, joint", "encoder-decoder", "joint"),
        ("dictionary, raw", "dictionary", "raw"),
        ("dictionary, normalised", "dictionary", "normalised"),
    ]
    panel = shown(draw.arms(study, "study"))
    assert panel.choosers[0].options == (
        "micro-F1, all codes",
        "exact match, all codes",
        "micro-F1, codes in 100 or more training certificates",
    )
    axis = panel.figure["layout"]["yaxis"]
    assert axis["ticktext"] == [
        *("<b>encoder-decoder</b>", "code", "normalise", "joint"),
        *("<b>dictionary</b>", "raw", "normalised", "both"),
        *("<b>linear</b>", "raw", "normalised", "both"),
    ]
    at = {}
    for trace in panel.figure["views"][0]["data"]:
        for place, x, words in zip(trace["y"], trace["x"], trace["text"], strict=True):
            at[words.partition(":")[0]] = (axis["ticktext"][place], x)
            assert trace["error_x"]["array"] == pytest.approx([0.02] * len(trace["x"]))
    assert at == {label(arm): (label(arm).rpartition(", ")[2], value) for arm, value in ARMS.items()}
    assert axis["range"][0] > axis["range"][1]  # the first arm is above
    assert draw.height(found) > 24 * 12


def test_the_numbers_behind_the_figure_are_those_of_the_rows(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    rows = [row for arm in ARMS for row in curve_rows(arm) if (row["arm"], row["slice"]) != ("joint", "100_up")]
    study.write_figure(CURVES, rows)
    found = shown(draw.arms(study, "study")).numbers.rows
    assert found[0][:4] == ("encoder-decoder", "encoder-decoder, code", "micro-F1", "all codes")
    assert found[0][4:] == (0.6, 0.6 - 0.02, 0.6 + 0.02)
    assert len(found) == 3 * len(ARMS) - 1  # what is undefined has no row


def test_gains_stand_in_rows_with_a_line_at_0(tmp_path: Path) -> None:
    panel = shown(draw.gains(write_study(tmp_path), "study"))
    assert panel.figure["layout"]["yaxis"]["ticktext"] == [
        *("<b>encoder-decoder</b>", "normalise less code", "joint less code"),
        *("<b>dictionary</b>", "normalised less raw", "both less raw"),
        *("<b>linear</b>", "normalised less raw", "both less raw"),
        *("<b>the best of each kind</b>", "encoder-decoder, normalise<br>less linear, raw"),
    ]
    tasks, normalised, both = panel.figure["views"][0]["data"]
    assert (tasks["x"], normalised["x"], both["x"]) == ([0.02, -0.02, -0.08], [0.06, -0.09], [0.05, 0.01])
    assert normalised["text"][0] == "dictionary: normalised less raw: +0.060 [+0.040, +0.080]"
    assert panel.figure["layout"]["shapes"][-1]["x0"] == 0
    assert ("linear", "linear: both less raw", "micro-F1", "all codes", 0.01, -0.01, 0.03) in panel.numbers.rows


def test_figures_are_some_that_plotly_knows(tmp_path: Path) -> None:
    plotly = pytest.importorskip("plotly.graph_objects")
    study = write_study(tmp_path)
    for panel in (shown(draw.arms(study, "a")), shown(draw.gains(study, "a"))):
        for view in panel.figure["views"]:
            plotly.Figure({"data": view["data"], "layout": panel.figure["layout"]})


def test_gains_stand_under_the_question_they_answer(tmp_path: Path) -> None:
    groups = gain_groups(write_study(tmp_path).figure(GAINS))
    assert [(group.title, [line.name for line in group.lines]) for group in groups] == [
        (
            "what the encoder-decoder writes",
            [
                "normalise less code",
                "joint less code",
            ],
        ),
        (
            "what a coder reads",
            [
                "dictionary: normalised less raw",
                "dictionary: both less raw",
                "linear: normalised less raw",
                "linear: both less raw",
            ],
        ),
        (
            "the best encoder-decoder and the best coder",
            ["encoder-decoder, normalise less linear, raw"],
        ),
    ]
    assert [cell.state for cell in groups[1].lines[2].cells] == ["loss", "loss", None, None, None, "loss"]
    assert [cell.value for cell in groups[1].lines[2].cells] == ["−0.090", "−0.090", "–", "–", "–", "−0.090"]


def test_the_wordings_are_those_of_the_rows(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    found = wordings(study)
    assert found.sentence == (
        "On 1,234 held-out lines whose text training never had, the normaliser (encoder-decoder, normalise) writes the "
        "experts’ wording in 62.1 % [60.1, 64.1 %] of them: 12.3 points more than the nearest known wording (49.8 %), and 20.2 "
        "points below the ceiling (82.3 %)."
    ).replace(" %", "\N{NO-BREAK SPACE}%").replace("1,234 held", "1,234\N{NO-BREAK SPACE}held")
    assert [(line.name, line.chosen) for line in found.lines] == [
        ("encoder-decoder, normalise", True),
        ("encoder-decoder, joint", False),
        ("nearest known wording", False),
        ("ceiling", False),
    ]
    said = section(build_study_page(study), "wordings").replace("\N{NO-BREAK SPACE}", " ")
    assert "all lines (7,000 lines) lines whose text training never had (1,234 lines)" in said
    assert (
        "encoder-decoder, normalise normaliser 80.0 % [78.0, 82.0 %] 0.100 88.0 0.900 62.1 % [60.1, 64.1 %] 0.250 71.5 0.801"
        in said
    )
    assert (
        "nearest known wording 75.0 % 0.150 85.0 0.850 49.8 % 0.400 60.0 0.600 ceiling 93.0 % – – – 82.3 % – – –"
        in said
    )


@pytest.mark.parametrize(
    ("nearest", "ceiling", "said"),
    [
        (
            0.7,
            0.6,
            "7.9 points fewer than the nearest known wording (70.0 %), and 2.1 points above the ceiling (60.0 %).",
        ),
        (None, 0.6, "of them: 2.1 points above the ceiling (60.0 %)."),
        (None, None, "writes the experts’ wording in 62.1 % [60.1, 64.1 %] of them."),
    ],
)
def test_the_sentence_compares_with_what_there_is(
    tmp_path: Path, nearest: float | None, ceiling: float | None, said: str
) -> None:
    study, other = write_study(tmp_path), {"nearest": nearest, "ceiling": ceiling}
    rows = [{**row, "value": other[row["arm"]]} if row["arm"] in other else row for row in wording_rows()]
    study.write_figure(WORDINGS, rows)
    assert wordings(study).sentence.replace("\N{NO-BREAK SPACE}", " ").endswith(said)


def test_lines_that_are_all_known_are_said_to_be(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    study.write_figure(WORDINGS, wording_rows(n_unseen=0))
    found = wordings(study)
    assert found.sentence == "No held-out line has a text that training never had."
    assert {cell.text for line in found.lines for cell in line.cells[4:]} == {"–"}
    assert found.lines[0].cells[4].reason == "there is no such line"


def test_without_codes_by_line_there_is_no_table_of_wordings(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    study.write_figure(WORDINGS, [])
    write_json(study.path / "corpus.json", read_json(study.path / "corpus.json") | {"by_line": False})
    said = section(build_study_page(study), "wordings")
    assert said == (
        "Standard wording No line could be compared: the certificates have no codes by line, so that no line has a known wording."
    )


def test_without_a_normaliser_the_reason_is_said(tmp_path: Path) -> None:
    study = write_study(tmp_path, made=UNMADE)
    study.write_figure(GAINS, gain_rows("over_baseline"))
    study.write_figure(WORDINGS, [row for row in wording_rows() if row["arm"] in ("nearest", "ceiling")])
    assert sentences(study) == [
        f"No coder read normalised text, as there is no normaliser: {NONE}.",
        "The best encoder-decoder (normalise) is a loss, not a gain, over the best coder of the raw text (linear): −0.080 "
        "[−0.100, −0.060] micro-F1.",
    ]
    page = build_study_page(study)
    assert "unfinished" not in section(page, "finding")
    assert section(page, "finding").startswith(
        f"undefined No coder read normalised text, as there is no normaliser: {NONE}."
    )
    assert f"There is no normaliser: {NONE}." in section(page, "wordings")
    assert f"There is no normaliser: {NONE}." in section(page, "tuning")
    assert f"dictionary, normalised 0 0.00 – – – {NONE}" in section(page, "tuning")


def test_a_normaliser_that_could_not_be_fitted_is_none(tmp_path: Path) -> None:
    lost = {**MADE, "reason": "it could not be fitted: out of memory", "changed": None, "n_lines": 0}
    study = write_study(tmp_path, made=lost)
    found = wordings(study)
    assert found.sentence == "There is no normaliser: it could not be fitted: out of memory."
    assert not any(line.chosen for line in found.lines)
    assert normaliser_line(lost) == found.sentence
    page = build_study_page(study)
    assert "its own chance is in no interval" not in section(page, "finding")
    assert '<span class="tag">normaliser</span>' not in page


def test_how_the_normaliser_was_made_is_said() -> None:
    assert normaliser_line(MADE).replace("\N{NO-BREAK SPACE}", " ") == (
        "The normaliser is encoder-decoder, normalise; validation has chosen it (normalise 0.710, joint 0.580). Training "
        "certificates were normalised by 2 models, each fitted without those that it then wrote for. To fit these and write "
        "all took 1 min 33 s; in 71.0 % of 28,800 training certificates it changed more than case, accents and punctuation."
    )
    alone = normaliser_line({**MADE, "scores": {"normalise": 0.71}})
    assert alone.startswith("The normaliser is encoder-decoder, normalise. Training certificates")
    assert normaliser_line(None) == "The normaliser is not made yet."


def test_a_study_that_is_not_done_says_what_is_missing(tmp_path: Path) -> None:
    begun = build_study_page(write_study(tmp_path / "begun", arms=["code"], made=None, done=False))
    assert "unfinished: 1 of 9 arms are tuned, the normaliser is not made yet" in section(begun, "finding")
    assert "scores come when every fit is done" in section(begun, "figures")
    assert "No gains yet" in section(begun, "gains")
    assert "No wordings yet" in section(begun, "wordings")
    assert "The normaliser is not made yet." in section(begun, "tuning")
    tuning = build_study_page(write_study(tmp_path / "tuning", arms=list(ARMS)[:4], done=False))
    assert "unfinished: 4 of 9 arms are tuned This page" in section(tuning, "finding")
    fitting = write_study(tmp_path / "fitting", done=False)
    fitting.add_row(fit_row("code", 0))
    assert "unfinished: 1 of 27 fits are done" in section(build_study_page(fitting), "finding")
    without = write_study(tmp_path / "without", made=UNMADE, done=False)
    assert "unfinished: 0 of 9 fits are done" in section(build_study_page(without), "finding")
    assert findings(without) == ()


def test_failed_fits_have_their_reason_beside_them(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    failed = {key: None for key in fit_row("linear", 0) if key.startswith(("micro", "exact", "macro", "normalised"))}
    study.add_row(
        {**fit_row("linear", 3), **failed, "status": "failed", "reason": "out of memory in /home/somebody/office/x"}
    )
    page = build_study_page(study)
    assert "linear, raw 3 4" in section(page, "fits")
    assert "out of memory in …/x" in section(page, "fits")
    assert "/home/" not in page.partition("<body>")[2]
    assert 'title="the model writes no standard text">–' in page


def test_the_download_holds_what_was_written_too(tmp_path: Path) -> None:
    rows = [dict(zip(KEYS, row, strict=True)) for row in raw(write_study(tmp_path).rows(), KEYS)]
    assert len(rows) == 27
    assert (rows[3]["arm"], rows[3]["text"], rows[3]["normalised_exact_match_unseen"]) == ("normalise", "raw", 0.613)
    assert (rows[12]["arm"], rows[12]["text"], rows[12]["normalised_cer"]) == (
        "dictionary-normalised",
        "normalised",
        None,
    )


def test_the_page_is_a_function_of_the_rows(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    page = build_study_page(study)
    assert page == build_study_page(study)
    assert write_study_page(study).read_bytes() == page.encode()
    for words in (
        "<h1>harness study: Normalised text</h1>",
        "these results test the plumbing, not medicine; no claim rests on them.",
        "With all 9,600 training certificates",
        "The normaliser was made once: its own chance is in no interval.",
        '<span class="tag">normaliser</span>',
        "harness study normalise my.toml",
        "cross-fitted",
        "choice of the normaliser",
    ):
        assert words in page
    assert "adaptation" not in page.partition("<body>")[2].partition("<script")[0]
    assert "sizes" not in page.partition('<p class="facts">')[2].partition("</p>")[0]


def test_hostile_texts_are_only_text(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    study.write_stage(NORMALISER, {**UNMADE, "reason": HOSTILE})
    study.write_stage("tune-code", tuned_row("code", HOSTILE))
    study.write_figure(
        GAINS, [*gain_rows("normalise"), *({**row, "gain": HOSTILE, "first": HOSTILE} for row in gain_rows("joint"))]
    )
    study.write_figure(CURVES, [{**row, "arm": HOSTILE} for row in curve_rows("code")])
    study.write_figure(WORDINGS, [{**row, "arm": HOSTILE} for row in wording_rows()])
    write_json(
        study.path / "run.json", read_json(study.path / "run.json") | {"arms": ["code", HOSTILE], "coders": [HOSTILE]}
    )
    page, plain = build_study_page(study), build_study_page(write_study(tmp_path / "plain"))
    assert page.count("window.hacked") >= 5  # those of figures are packed
    assert "<script>window.hacked" not in page
    assert page.count("<script") == plain.count("<script")
    for panel in (shown(draw.arms(study, "study")), shown(draw.gains(study, "study"))):
        assert "<script" not in str(panel.figure)


@pytest.mark.browser
def test_a_browser_draws_every_arm_and_changes_the_score(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium; apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    page_file = write_study_page(write_study(tmp_path))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(page_file.as_uri())
        plot = page.locator("[data-plot=study-arms]")
        plot.scroll_into_view_if_needed()
        expect(page.locator("[data-plot=study-arms][data-drawn=true] .main-svg").first).to_be_attached(timeout=20_000)
        expect(plot.locator(".scatterlayer .trace .point")).to_have_count(len(ARMS))
        expect(plot.locator(".ytick text", has_text="normalised")).to_have_count(len(CODERS))
        page.get_by_label("Score").first.select_option(label="exact match, all codes")
        expect(plot.locator(".scatterlayer .trace .point")).to_have_count(len(ARMS))
        key = page.get_by_role("button", name="normalised text").first
        key.focus()
        page.keyboard.press("Enter")
        expect(plot.locator(".scatterlayer .trace .point")).to_have_count(len(ARMS) - len(CODERS))
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        browser.close()
    assert not wide
    assert problems == []
