"""The tables below the leaderboard, as values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from example_run import MODELS, write_run

from harness.files import write_json
from harness.leaderboard import figures
from harness.leaderboard.columns import MORE, WORDING
from harness.leaderboard.more import NOT_RECORDED, MoreTable, more
from harness.leaderboard.page import build_page
from harness.leaderboard.rows import Evidence, read
from harness.leaderboard.table import Table, leaderboard
from harness.run.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run")


def tables(evidence: Evidence) -> tuple[Table, tuple[MoreTable, ...]]:
    models = evidence.models()
    table = leaderboard(evidence, models, figures.looks(evidence, models))
    return table, more(evidence, table)


def changed(run: RunFolder, **changes: Any) -> tuple[MoreTable, ...]:
    run.write_scorecards([row | changes for row in run.scorecards()])
    return tables(read(run))[1]


def cell(found: tuple[MoreTable, ...], model: str, key: str) -> tuple[str, str]:
    for table in found:
        for place, column in enumerate(table.columns):
            if column.key == key:
                line = next(line for line in table.lines if line.line.model.name == model)
                return line.cells[place].text, line.cells[place].reason
    raise KeyError(key)


def test_every_score_is_shown_once_in_the_order_of_the_leaderboard(run: RunFolder) -> None:
    table, found = tables(read(run))
    keys = [column.key for one in found for column in one.columns]
    always = [group for title, groups in MORE if title != WORDING for group in groups]
    assert len(keys) == len(set(keys)) == sum(len(group.columns) for group in always)
    assert set(keys) <= set(run.scorecards()[0])
    for one in found:
        assert [line.line for line in one.lines] == list(table.lines)
        assert sum(span for _, span in one.groups) == len(one.columns)
    assert len(table.lines) == len(MODELS)
    row = next(row for row in run.scorecards() if (row["role"], row["year"]) == ("heldout", "all"))
    assert cell(found, row["model"], "lrap") == (f"{row['lrap']:.3f}", "")
    assert cell(found, row["model"], "hamming_loss") == (f"{row['hamming_loss']:#.2g}", "")


def test_bands_say_over_how_many_codes_they_are(run: RunFolder) -> None:
    titles = [title for table in tables(read(run))[1] for title, _ in table.groups]
    assert "never (0\xa0codes)" in titles
    assert "in 10–99 (204\xa0codes)" in titles


def test_what_is_missing_says_why(run: RunFolder) -> None:
    found = tables(read(run))[1]
    assert cell(found, "linear-3", "micro_f1_unseen") == ("–", "no code of this band occurs")
    why = "the model codes whole certificates, not lines"
    assert cell(found, "bag-1", "clef_f1") == ("–", why)
    reasons = [reason for table in found for reason in table.reasons]
    assert ("lines, as CLEF scores them", why, "bag-1") in reasons
    assert ("never", "no code of this band occurs", "all models") in reasons

    levels = {
        f"{name}_{score}": None for name in ("category", "chapter") for score in ("micro_f1", "macro_f1", "exact_match")
    }
    found = changed(run, **levels, levels_reason="the codes are not ICD-10's")
    assert cell(found, "linear-3", "chapter_exact_match") == ("–", "the codes are not ICD-10's")
    assert ("chapters", "the codes are not ICD-10's", "all models") in found[1].reasons


WRITTEN: dict[str, float | None] = {
    f"normalised_{name}{part}": found
    for name, value in (("exact_match", 0.7), ("cer", 0.125), ("chrf", 83.25), ("code_f1", 0.75))
    for part, found in (("", value), ("_unseen", None))
}


def writes(run: RunFolder, model: str) -> RunFolder:
    """The run with a model that wrote text, all of it seen in training; the others say that they do not write."""
    reason = "the model writes no standard text"
    said = {"normalised_reason": None, "normalised_reason_unseen": "there is no line", "n_unseen_lines": 0}
    silent = dict.fromkeys((*WRITTEN, "n_unseen_lines")) | dict.fromkeys(said.keys() - {"n_unseen_lines"}, reason)
    run.write_scorecards([row | (WRITTEN | said if row["model"] == model else silent) for row in run.scorecards()])
    return run


def test_what_a_model_wrote_is_shown_where_one_does(run: RunFolder) -> None:
    assert WORDING not in [table.title for table in tables(read(run))[1]]
    table, found = tables(read(writes(run, "linear-3")))
    assert found[-1].title == WORDING
    assert [title for title, _ in found[-1].groups] == ["all lines", "lines whose text training never had (0\xa0lines)"]
    assert cell(found, "linear-3", "normalised_exact_match") == ("70.0\xa0%", "")
    assert cell(found, "linear-3", "normalised_cer") == ("0.125", "")
    assert cell(found, "linear-3", "normalised_chrf") == ("83.2", "")
    assert cell(found, "linear-3", "normalised_chrf_unseen") == ("–", "there is no line")
    assert cell(found, "bag-1", "normalised_code_f1") == ("–", "the model writes no standard text")
    assert {*WRITTEN, "n_unseen_lines"} <= set(table.raw_columns)
    run.write_scorecards([row | dict.fromkeys(WRITTEN) for row in run.scorecards()])  # nobody writes
    table, found = tables(read(run))
    assert WORDING not in [one.title for one in found]
    assert not {*WRITTEN, "n_unseen_lines"} & set(table.raw_columns)


def test_terms_of_what_is_written_stand_on_pages_that_show_it(run: RunFolder) -> None:
    assert "Popović 2015" not in build_page(run)
    assert "Popović 2015" in build_page(writes(run, "linear-3"))


def test_a_row_of_an_older_run_has_no_such_scores(run: RunFolder) -> None:
    run.write_scorecards(
        [{key: row[key] for key in row if key not in ("lrap", "brier", "ece")} for row in run.scorecards()]
    )
    found = tables(read(run))[1]
    assert cell(found, "linear-3", "lrap") == ("–", NOT_RECORDED)
    assert ("confidence as a probability", NOT_RECORDED, "all models") in found[0].reasons


def test_a_model_without_a_row_says_so(run: RunFolder) -> None:
    run.write_scorecards([row for row in run.scorecards() if row["model"] != "bag-1" or row["role"] != "heldout"])
    found = tables(read(run))[1]
    assert cell(found, "bag-1", "lrap") == ("–", "not scored on held-out years")


def test_without_scores_there_is_no_table(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "begun")
    write_json(run.path / "run.json", {"format": 1})
    assert tables(read(run))[1] == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "with code list synthetic (412\xa0codes), without dictionaries"),
        ({"code_list": None}, "without a code list, without dictionaries"),
        (
            {"dictionaries": {"names": ["a.csv", "b.csv"], "n": 1200, "fingerprint": "d"}},
            "with code list synthetic (412\xa0codes), with dictionaries a.csv, b.csv (1,200\xa0rows)",
        ),
    ],
)
def test_the_caption_says_what_was_known(run: RunFolder, given: dict[str, Any], words: str) -> None:
    write_json(run.path / "corpus.json", run.corpus() | given)
    table, _ = tables(read(run))
    assert table.caption == f"Held-out years 2020–2021, 2,400\xa0certificates; {words}"


def test_the_download_has_every_score_and_what_was_known(run: RunFolder) -> None:
    table, found = tables(read(run))
    columns = table.raw_columns
    assert len(columns) == len(set(columns))
    for line in table.lines:
        raw = dict(zip(columns, line.raw, strict=True))
        assert {column.key for one in found for column in one.columns} <= raw.keys()
        assert (raw["code_list"], raw["dictionaries"], raw["n_codes_1_9"]) == ("99aa0c", "", 31)
