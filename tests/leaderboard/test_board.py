"""The table of models and all trials, as values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from example_board import write_ties
from example_run import MODELS, write_run

from harness.files import write_json
from harness.leaderboard import text
from harness.leaderboard.board.cells import NOT_DEFINED, NOT_RECORDED, Cell
from harness.leaderboard.board.columns import AUTOMATION, CODES, FIRST, MODEL, VALIDATION
from harness.leaderboard.board.groups import BY_LINE, MORE, WORDINGS
from harness.leaderboard.board.table import Table, leaderboard
from harness.leaderboard.figures.looks import looks
from harness.leaderboard.glossary import term_of
from harness.leaderboard.page import build_page
from harness.leaderboard.rows import Evidence, read
from harness.run.folder import RunFolder

GROUPS = (*FIRST, VALIDATION, *MORE)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(write_run(tmp_path_factory.mktemp("runs") / "20260302-093012"))


def table_of(evidence: Evidence) -> Table:
    models = evidence.models()
    return leaderboard(evidence, models, looks(evidence, models))


def changed(run: RunFolder, **changes: Any) -> Table:
    run.write_scorecards([row | changes for row in run.scorecards()])
    return table_of(read(run))


def cell(table: Table, model: str, key: str) -> Cell:
    line = next(line for line in table.lines if line.model.name == model)
    return line.cells[[column.key for column in table.columns].index(key)]


def reasons(table: Table) -> list[tuple[str, str, str]]:
    return [(one.part.name, one.words, one.names) for one in table.reasons]


# columns -------------------------------------------------------------------------------------------------------------


def test_columns_have_names_and_meanings_of_their_own() -> None:
    columns = [column for group in GROUPS for column in group.columns]
    assert len({column.key for column in columns}) == len(columns)
    assert len({group.name for group in GROUPS}) == len(GROUPS)
    for group in GROUPS:
        assert len({column.label for column in group.columns}) == len(group.columns)
    helps = [column.help for column in columns if not column.key.startswith("clef")]
    assert len(set(helps)) == len(helps)
    for column in columns:
        assert column.better in ("high", "low") or column.write is None
        assert column.write is None or column.write(0.5) == getattr(text, column.kind)(0.5)


def test_what_people_need_first_is_shown_first() -> None:
    first = [column.key for group in GROUPS for column in group.columns if column.first]
    assert first == [
        *("model", "kind", "micro_f1", "exact_match", "promised_coverage", "coverage", "risk", "aurc"),
        *("certificates_per_second", "bytes", "fit_seconds"),
    ]


def test_every_number_has_a_term() -> None:
    columns = [column for group in GROUPS for column in group.columns if column.write]
    assert [column.key for column in columns if not term_of(column.key.removeprefix("line_"))] == []


# the table of models ---------------------------------------------------------------------------------------------------


def test_the_table_is_sorted_by_the_held_out_score_and_nulls_come_last(evidence: Evidence) -> None:
    cards = tuple(
        row | ({"micro_f1": None, "reason": "no code occurs"} if row["model"] == "linear-3" else {})
        for row in evidence.scorecards
    )
    table = table_of(replace(evidence, scorecards=cards))
    assert table.lines[0].model.name == "bag-1"
    assert table.lines[-1].model.name == "linear-3"
    found = cell(table, "linear-3", "micro_f1")
    assert (found.text, found.value, found.reason) == ("–", None, "no code occurs")
    assert table.lines[-1].raw[table.raw_columns.index("micro_f1")] is None


def test_a_floor_below_the_scale_is_marked_so(evidence: Evidence) -> None:
    table = table_of(evidence)
    nothing, best = (cell(table, model, "micro_f1").bar for model in ("floor-nothing", "linear-3"))
    assert nothing is not None
    assert best is not None
    assert (nothing.outside, best.outside) == ("below", "")
    assert best.low < best.value < best.high
    assert best.mark is None


def test_the_promise_is_marked_in_the_risk_column(evidence: Evidence) -> None:
    bar = cell(table_of(evidence), "linear-3", "risk").bar
    assert bar is not None
    assert bar.mark is not None
    # the scale begins at 0 and holds the promised 2 %: the mark stands as far behind the risk as the numbers say
    row = evidence.row("linear-3", "heldout")
    assert row is not None
    assert (bar.mark - 4) / (bar.value - 4) == pytest.approx(0.02 / row["risk"], rel=0.02)
    assert evidence.pick is not None
    alone = replace(evidence, pick=evidence.pick | {"promise": None})
    without = cell(table_of(alone), "linear-3", "risk").bar
    assert without is not None
    assert without.mark is None


def test_every_score_has_a_column_in_every_row(run: RunFolder) -> None:
    table = table_of(read(run))
    keys = [column.key for column in table.columns]
    always = [column.key for group in GROUPS if group.always for column in group.columns]
    lines = [column.key for column in BY_LINE.columns]  # the run has rows by line
    assert sorted(keys) == sorted([*always, *lines])
    assert len(table.lines) == len(MODELS)
    assert {len(line.cells) for line in table.lines} == {len(keys)}
    row = next(row for row in run.scorecards() if (row["role"], row["year"]) == ("heldout", "all"))
    assert cell(table, row["model"], "lrap").text == f"{row['lrap']:.3f}"
    assert cell(table, row["model"], "hamming_loss").text == f"{row['hamming_loss']:#.2g}"


def test_bands_say_over_how_many_codes_they_are(run: RunFolder) -> None:
    titles = [part.title for part in table_of(read(run)).parts]
    assert "codes that training never had (0\xa0codes)" in titles
    assert "codes in 10–99 training certificates (204\xa0codes)" in titles


def test_a_tie_says_how_far_the_best_is(run: RunFolder) -> None:
    assert not table_of(read(run)).tested
    table = table_of(read(write_ties(run)))
    assert table.tested == "micro\N{NON-BREAKING HYPHEN}F1"
    assert {line.model.name for line in table.lines if cell(table, line.model.name, "micro_f1").tie} == {"bag-1"}
    said = cell(table, "bag-1", "micro_f1").tie
    assert "linear-3: 0.052 behind it, [-0.004, 0.071]" in said
    assert not cell(table, "bag-1", "exact_match").tie
    shares = cell(table_of(read(write_ties(run, "exact_match"))), "bag-1", "exact_match").tie
    assert "5.2\xa0% behind it, [-0.4, 7.1\xa0%]" in shares


def test_ties_stand_in_each_column_that_was_tested(run: RunFolder) -> None:
    rows = [row for measure in ("micro_f1", "exact_match") for row in write_ties(run, measure).figure("ties")]
    run.write_figure("ties", rows)
    table = table_of(read(run))
    assert all(cell(table, "bag-1", key).tie for key in ("micro_f1", "exact_match"))
    assert table.tested == "micro\N{NON-BREAKING HYPHEN}F1 and exact match"
    assert f"a tie with the best in {table.tested}:" in build_page(run)


def test_a_tie_on_other_years_is_not_marked(evidence: Evidence) -> None:
    row = {"role": "validation", "measure": "micro_f1", "model": "bag-1", "best": "linear-3", "tied": True}
    found = table_of(replace(evidence, ties=(row | {"difference": 0.0, "low": 0.0, "high": 0.0},)))
    assert not found.tested


def test_a_model_is_shown_by_line_beside_itself(run: RunFolder) -> None:
    table = table_of(read(run))
    row = next(row for row in run.scorecards() if row["unit"] == "line" and row["year"] == "all")
    found = cell(table, "linear-3", "line_risk")
    assert (found.value, found.text) == (row["risk"], text.risk(row["risk"]))
    assert found.interval == text.interval(text.risk(row["risk_low"]), text.risk(row["risk_high"]))
    assert found.bar is not None
    assert found.bar.mark is None  # the promise is of certificates
    assert cell(table, "bag-1", "line_risk").reason == "the model codes whole certificates, not lines"
    assert cell(table, "dictionary-0", "line_risk").reason == "not scored by line"
    run.write_scorecards([row for row in run.scorecards() if row["unit"] != "line"])
    assert not table_of(read(run)).has("line")


def test_a_promise_by_line_is_marked_by_line(evidence: Evidence) -> None:
    assert evidence.pick is not None
    promise = {"made": False, "line": {"made": True, "risk": 0.01, "unit": "line"}}
    table = table_of(replace(evidence, pick=evidence.pick | {"promise": promise}))
    by_line, whole = cell(table, "linear-3", "line_risk").bar, cell(table, "linear-3", "risk").bar
    assert by_line is not None
    assert whole is not None
    assert (by_line.mark is None, whole.mark is None) == (False, True)


def test_hyper_parameters_are_those_of_the_trial(run: RunFolder) -> None:
    run.add_trial(
        {"trial": "linear-99", "family": "linear", "status": "done", "parameters": {"start": "/home/anna/model.bin"}}
    )
    run.write_scorecards(
        [row | ({"model": "linear-99"} if row["model"] == "bag-1" else {}) for row in run.scorecards()]
    )
    table = table_of(read(run))
    assert cell(table, "linear-3", "parameters").text == "cost=3.3, unit=certificate"
    assert cell(table, "floor-nothing", "parameters").reason == "not a trial of the search"
    raw = {line.model.name: line.raw[table.raw_columns.index("parameters")] for line in table.lines}
    assert raw["linear-3"] == {"cost": 0.3 * 11, "unit": "certificate"}
    assert raw["linear-99"] == {"start": "…/model.bin"}
    assert raw["floor-nothing"] is None
    assert {line.model.name for line in table.lines if "unit=" in line.search} == {"linear-3", "dictionary-0"}


# what is missing -------------------------------------------------------------------------------------------------------


def test_what_is_missing_says_why(run: RunFolder) -> None:
    table = table_of(read(run))
    assert cell(table, "linear-3", "micro_f1_unseen").reason == "no code of this band occurs"
    why = "the model codes whole certificates, not lines"
    assert (cell(table, "bag-1", "clef_f1").text, cell(table, "bag-1", "clef_f1").reason) == ("–", why)
    assert ("clef", why, "bag-1") in reasons(table)
    assert ("band-unseen", "no code of this band occurs", "all models") in reasons(table)
    floors = "floor-exact_repeat, floor-most_frequent, floor-nothing"
    assert ("automation", "a floor is never certified", floors) in reasons(table)
    assert [one.part.name for one in table.reasons if one.first] == ["automation"]

    levels = {
        f"{name}_{score}": None for name in ("category", "chapter") for score in ("micro_f1", "macro_f1", "exact_match")
    }
    table = changed(run, **levels, levels_reason="the codes are not ICD-10's")
    assert cell(table, "linear-3", "chapter_exact_match").reason == "the codes are not ICD-10's"
    assert ("chapter", "the codes are not ICD-10's", "all models") in reasons(table)


def test_the_reason_of_missing_automation_is_not_that_of_a_score(run: RunFolder) -> None:
    table = changed(run, macro_f1=None)
    assert cell(table, "floor-nothing", "risk").reason == "a floor is never certified"
    assert cell(table, "floor-nothing", "macro_f1").reason == NOT_DEFINED


def test_a_row_of_an_older_run_has_no_such_scores(run: RunFolder) -> None:
    run.write_scorecards(
        [{key: row[key] for key in row if key not in ("lrap", "brier", "ece")} for row in run.scorecards()]
    )
    table = table_of(read(run))
    assert (cell(table, "linear-3", "lrap").text, cell(table, "linear-3", "lrap").reason) == ("–", NOT_RECORDED)
    assert ("probability", NOT_RECORDED, "all models") in reasons(table)


def test_a_model_without_a_row_says_so(run: RunFolder) -> None:
    run.write_scorecards([row for row in run.scorecards() if row["model"] != "bag-1" or row["role"] != "heldout"])
    table = table_of(read(run))
    for key in ("lrap", "risk", "micro_f1", "clef_f1"):
        assert cell(table, "bag-1", key).reason == "not scored on held-out years"
    assert cell(table, "bag-1", "family").text == "bag"
    assert cell(table, "bag-1", "validation_micro_f1").value is not None


def test_without_scores_there_is_no_table(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "begun")
    write_json(run.path / "run.json", {"format": 1})
    table = table_of(read(run))
    assert (table.lines, table.reasons, table.kinds) == ((), (), ())


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
    assert not table_of(read(run)).has(WORDINGS[0].name)
    table = table_of(read(writes(run, "linear-3")))
    assert table.parts[-1].title.startswith("standard wording, all lines")
    assert cell(table, "linear-3", "normalised_exact_match").text == "70.0\xa0%"
    assert cell(table, "linear-3", "normalised_cer").text == "0.125"
    assert cell(table, "linear-3", "normalised_chrf").text == "83.2"
    assert cell(table, "bag-1", "normalised_code_f1").reason == "the model writes no standard text"
    assert {*WRITTEN} & set(table.raw_columns) == {key for key in WRITTEN if not key.endswith("_unseen")}
    run.write_scorecards([row | dict.fromkeys(WRITTEN) for row in run.scorecards()])  # nobody writes
    table = table_of(read(run))
    assert not table.has(WORDINGS[0].name)
    assert not {*WRITTEN, "n_unseen_lines"} & set(table.raw_columns)


def test_lines_that_training_never_had_are_shown_where_there_are_any(run: RunFolder) -> None:
    writes(run, "linear-3")
    run.write_scorecards(
        [
            row | ({"normalised_chrf_unseen": 40.0, "n_unseen_lines": 12} if row["model"] == "linear-3" else {})
            for row in run.scorecards()
        ]
    )
    table = table_of(read(run))
    assert table.parts[-1].title == "standard wording, lines whose text training never had (12\xa0lines)"
    assert cell(table, "linear-3", "normalised_cer_unseen").reason == "there is no line"


def test_terms_of_what_is_written_stand_on_pages_that_show_it(run: RunFolder) -> None:
    assert "Popović" not in build_page(run)
    assert "Popović" in build_page(writes(run, "linear-3"))


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
    assert table_of(read(run)).caption == f"Held-out years 2020–2021, 2,400\xa0certificates; {words}"


def test_the_download_has_every_score_and_what_was_known(run: RunFolder) -> None:
    table = table_of(read(run))
    assert len(table.raw_columns) == len(set(table.raw_columns))
    for line in table.lines:
        raw = dict(zip(table.raw_columns, line.raw, strict=True))
        row = read(run).row(line.model.name, "heldout")
        assert row is not None
        assert {column.key for column in table.columns} <= raw.keys()
        assert (raw["code_list"], raw["dictionaries"], raw["n_codes_1_9"]) == ("99aa0c", "", 31)
        for key in ("micro_f1", "micro_f1_low", "lrap", "risk_high", "hamming_loss", "bytes"):
            assert raw[key] == row[key]


def test_without_held_out_years_validation_is_not_shown_twice(tmp_path: Path) -> None:
    table = table_of(read(write_run(tmp_path / "run", heldout=False)))
    assert not table.has(VALIDATION.name)
    assert table.has(CODES.name)
    assert table.has(MODEL.name)
    assert table.has(AUTOMATION.name)
    assert table.caption.startswith("Validation years 2018")
