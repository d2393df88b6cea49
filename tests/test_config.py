from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.config import (
    DEFAULT_FAMILIES,
    RunConfig,
    load_config,
    parse_duration,
    parse_size,
    parse_years,
    resolve,
)
from harness.corpus.formats import reader
from harness.errors import ConfigError

CHECKOUT = Path(__file__).parent.parent
SMALLEST: dict[str, Any] = {"corpus": {"format": "table"}, "years": {"train": "2012", "validation": "2013"}}


def config(**sections: Any) -> RunConfig:
    """The smallest configuration, with the keys of some sections changed or added."""
    raw = {name: {**SMALLEST.get(name, {}), **keys} for name, keys in (SMALLEST | sections).items()}
    return resolve(raw, Path("/office"), "search.toml")


def refused(**sections: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        config(**sections)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(" (search.toml)")
    return message.removesuffix(" (search.toml)")


def test_defaults() -> None:
    found = config()
    assert found.search.families == DEFAULT_FAMILIES
    assert (found.search.objective, found.search.budget, found.search.trials) == ("micro_f1", 360.0, None)
    assert (found.promise.risk, found.promise.confidence, found.promise.shortlist) == (0.02, 0.95, 3)
    assert (found.promise.unit, found.promise.cluster) == ("certificate", None)
    assert found.automation.witnesses == ("dictionary",)
    assert found.automation.gates == ("unseen_word", "outside_reference")
    assert (found.automation.minutes_per_certificate, found.automation.minutes_per_line) == (3.0, 1.0)
    assert (found.automation.max_bytes, found.automation.min_certificates_per_second) == (None, None)
    assert found.years.refit
    assert (found.corpus.code_separator, found.corpus.encoding, found.corpus.delimiter) == (";", "utf-8", ",")


def test_keys_become_typed_values() -> None:
    found = config(
        corpus={
            "path": ["a.csv", "/b.csv"],
            "columns": {"id": "id", "date": "died", "text": "text", "age": "age", "coder": "coder"},
            "part2": "text",
            "indicators": {"T40.1": ["heroin", "morphine"], "T51": "alcohol"},
            "codes": "codes.CSV",
            "language": "fr",
        },
        years={"calibration": 2014, "heldout": ["2016", "2018-2019"], "refit": False},
        search={"families": ["linear"], "trials": 4, "trial_time": 90, "trial_memory": "6GB", "gpus": 2},
        promise={"unit": "both", "cluster": "certifier"},
        automation={
            "always_person": ["O00-O99"],
            "minutes_per_certificate": 2,
            "minutes_per_line": 0.5,
            "witnesses": [],
            "gates": "disagreement",
            "max_bytes": "500MB",
            "min_certificates_per_second": 20,
        },
    )
    assert found.corpus.path == (Path("/office/a.csv"), Path("/b.csv"))
    assert found.corpus.columns.text == found.corpus.part2 == ("text",)
    assert found.corpus.indicators == {"T40.1": ("heroin", "morphine"), "T51": ("alcohol",)}
    assert found.corpus.codes == "/office/codes.CSV"
    assert (found.years.calibration, found.years.heldout) == ((2014,), (2016, 2018, 2019))
    assert (found.search.trial_time, found.search.trial_memory, found.search.gpus) == (90.0, 6 * 2**30, 2)
    assert (found.automation.minutes_per_certificate, found.automation.minutes_per_line) == (2.0, 0.5)
    assert (found.automation.witnesses, found.automation.gates) == ((), ("disagreement",))
    assert (found.automation.max_bytes, found.automation.min_certificates_per_second) == (500 * 2**20, 20.0)
    assert (found.promise.unit, found.promise.cluster) == ("both", "certifier")
    with pytest.raises(ValidationError, match="frozen"):
        found.search.trials = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    "path", [CHECKOUT / "search.toml", *CHECKOUT.glob("examples/*.toml")], ids=lambda path: path.name
)
def test_every_shipped_configuration_loads(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in re.findall(r"\$\{(\w+)\}", path.read_text()):
        monkeypatch.setenv(variable, "/somewhere")
    assert load_config(path).corpus.format


# ------------------------------------------------------------------------------------- years, times and sizes


@pytest.mark.parametrize(
    ("value", "years"),
    [
        (2012, (2012,)),
        ("2012", (2012,)),
        ("2012-2014", (2012, 2013, 2014)),
        (" 2012 - 2013 ", (2012, 2013)),
        ("2012-2012", (2012,)),
        (["2014", 2012, "2012-2013"], (2012, 2013, 2014)),
    ],
)
def test_years(value: object, years: tuple[int, ...]) -> None:
    assert parse_years(value) == years


@given(st.sets(st.integers(1000, 9999), min_size=1, max_size=20))
def test_years_are_sorted_and_stand_once(years: set[int]) -> None:
    assert parse_years([*years, *years]) == tuple(sorted(years))


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("2014-2012", "must not end before it begins, but got '2014-2012'"),
        ([], "must name at least one year, or be left out"),
        ("12", "must be years such as"),
        ("2012,2013", "must be years such as"),
        (20120, "must be years such as"),
        (True, "must be years such as"),
        (2012.0, "must be years such as"),
        ("", "must be years such as"),
        (["2012", None], "must be years such as"),
    ],
)
def test_years_that_are_none(value: object, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(rule)}"):
        parse_years(value)


def test_times_and_sizes() -> None:
    times = {"90s": 90, "10m": 600, "1.5h": 5400, 45: 45, "45": 45, " 2 m ": 120, 0.5: 0.5}
    assert [parse_duration(time) for time in times] == list(times.values())
    sizes = {"6GB": 6 * 2**30, "500MB": 500 * 2**20, "1.5 KB": 1536, "10B": 10, 1024: 1024}
    assert [parse_size(size) for size in sizes] == list(sizes.values())


@pytest.mark.parametrize("value", ["0s", 0, -5, "10 minutes", "m", "", True, None, "1e3", "inf", float("nan")])
def test_times_that_are_none(value: object) -> None:
    with pytest.raises(ValueError, match=r'^must be a time above zero such as "90s", "10m" or "2h", but got '):
        parse_duration(value)


@pytest.mark.parametrize("value", ["0GB", "6gb", "6G", "-1", "GB", "", True])
def test_sizes_that_are_none(value: object) -> None:
    with pytest.raises(ValueError, match=r'^must be a size such as "6GB" or "500MB", but got '):
        parse_size(value)


# ------------------------------------------------------------------------------------------------ the roles' years


@pytest.mark.parametrize(
    ("years", "message"),
    [
        (
            {"train": "2012-2014", "validation": "2014"},
            "years.validation must not overlap years.train, but both have 2014",
        ),
        (
            {"calibration": "2016", "heldout": ["2015", "2016"]},
            "years.heldout must not overlap years.calibration, but both have 2016",
        ),
        ({"train": "2014"}, "years.validation must come after years.train (2014), but got 2013"),
        ({"heldout": "2011"}, "years.heldout must come after years.validation (2013), but got 2011"),
        (
            {"train": ["2010", "2014"]},
            "years.validation must come after years.train (2010, 2014), but got 2013",
        ),
        ({"heldout": []}, "years.heldout must name at least one year, or be left out"),
        (
            {"calibration": "soon"},
            'years.calibration must be years such as "2012-2017" or ["2020", "2021"], but got \'soon\'',
        ),
    ],
)
def test_roles_must_follow_one_another(years: dict[str, Any], message: str) -> None:
    assert refused(years=years) == message


@pytest.mark.parametrize("role", ["train", "validation"])
def test_train_and_validation_are_needed(role: str) -> None:
    raw = {"corpus": {"format": "table"}, "years": {"train": "2012", "validation": "2013"}}
    del raw["years"][role]
    with pytest.raises(
        ConfigError, match=rf"^years\.{role} must name at least one year \(or corpus\.columns\.role a column\)"
    ):
        resolve(raw, Path("/"), "search.toml")


def test_a_role_column_takes_the_place_of_years() -> None:
    raw = {"corpus": {"format": "table", "columns": {"role": "split"}}}
    assert resolve(raw, Path("/"), "search.toml").years.train == ()
    message = refused(corpus={"columns": {"role": "split"}})
    assert message == "years.train must be left out where corpus.columns.role names the roles"


# ------------------------------------------------------------------------------------------------ the cluster column


def test_readers_find_the_cluster_among_the_columns() -> None:
    found = config(corpus={"columns": {"id": "id"}}, promise={"cluster": "certifier"})
    assert (found.corpus.columns.id, found.corpus.columns.cluster) == ("id", "certifier")
    assert config(promise={"cluster": "certifier"}).corpus.columns.cluster == "certifier"
    assert config().corpus.columns.cluster is None


def test_what_is_written_of_a_configuration_names_the_cluster_once_and_reads_back() -> None:
    found = config(promise={"cluster": "certifier"}, automation={"max_bytes": "1.5MB"})
    written = found.model_dump(mode="json")
    assert "cluster" not in written["corpus"]["columns"]
    assert (
        RunConfig.model_validate(
            {
                "corpus": written["corpus"],
                "years": SMALLEST["years"],
                **{key: written[key] for key in ("promise", "automation")},
            }
        )
        == found
    )


@pytest.mark.parametrize("promise", [{}, {"cluster": "office"}])
def test_the_columns_do_not_name_the_cluster_themselves(promise: dict[str, str]) -> None:
    message = refused(corpus={"columns": {"cluster": "certifier"}}, promise=promise)
    assert message == "corpus.columns.cluster must be left out: promise.cluster names that column"


# ------------------------------------------------------------------------- errors: key, rule, value, choices, file


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"serch": {}}, "serch is not a key; the keys here are corpus, years, search, promise, automation, study"),
        (
            {"promise": {"rsik": 0.1}},
            "promise.rsik is not a key; the keys here are risk, confidence, unit, shortlist, cluster",
        ),
        (
            {"years": {"held_out": "2015"}},
            "years.held_out is not a key; the keys here are train, validation, calibration, heldout, refit",
        ),
        (
            {"corpus": {"synthetic": {"seeed": 1}}},
            "corpus.synthetic.seeed is not a key; the keys here are seed, certificates, codes, first_year, years, noise",
        ),
        (
            {"search": {"objective": "f1"}},
            "search.objective: input should be 'micro_f1', 'macro_f1', 'exact_match' or 'augrc', but got 'f1'",
        ),
        (
            {"search": {"budget": "soon"}},
            'search.budget must be a time above zero such as "90s", "10m" or "2h", but got \'soon\'',
        ),
        (
            {"search": {"trial_memory": "6gb"}},
            'search.trial_memory must be a size such as "6GB" or "500MB", but got \'6gb\'',
        ),
        ({"search": {"trials": 0}}, "search.trials: input should be greater than or equal to 1, but got 0"),
        ({"promise": {"risk": 1}}, "promise.risk: input should be less than 1, but got 1"),
        ({"promise": {"risk": 0}}, "promise.risk: input should be greater than 0, but got 0"),
        ({"promise": {"confidence": 95}}, "promise.confidence: input should be less than 1, but got 95"),
        (
            {"promise": {"unit": "lines"}},
            "promise.unit: input should be 'certificate', 'line' or 'both', but got 'lines'",
        ),
        ({"promise": {"cluster": 3}}, "promise.cluster: input should be a valid string, but got 3"),
        (
            {"automation": {"gates": ["novelty"]}},
            "automation.gates.0: input should be 'unseen_word', 'outside_reference' or 'disagreement', but got 'novelty'",
        ),
        (
            {"automation": {"gates": ["disagreement", "disagreement"]}},
            "automation.gates must name each once, but names 'disagreement' more often",
        ),
        (
            {"automation": {"witnesses": ["linear", "bag", "linear"]}},
            "automation.witnesses must name each once, but names 'linear' more often",
        ),
        (
            {"automation": {"max_bytes": "big"}},
            'automation.max_bytes must be a size such as "6GB" or "500MB", but got \'big\'',
        ),
        (
            {"automation": {"min_certificates_per_second": 0}},
            "automation.min_certificates_per_second: input should be greater than 0, but got 0",
        ),
        (
            {"automation": {"minutes_per_line": float("inf")}},
            "automation.minutes_per_line: input should be a finite number, but got inf",
        ),
        (
            {"promise": {"confidence": float("nan")}},
            "promise.confidence: input should be less than 1, but got nan",
        ),
        ({"corpus": {"path": 3}}, "corpus.path must be a file name or a list of them, but got 3"),
        ({"corpus": {"path": ["a", 3]}}, "corpus.path must be a file name or a list of them, but got ['a', 3]"),
        (
            {"corpus": {"language": "french"}},
            "corpus.language: string should match pattern '^[a-z]{2,3}$', but got 'french'",
        ),
    ],
)
def test_errors_state_key_rule_value_and_choices(sections: dict[str, Any], message: str) -> None:
    assert refused(**sections) == message


def test_unknown_columns_list_the_columns() -> None:
    message = refused(corpus={"columns": {"txt": "a"}})
    assert message.startswith("corpus.columns.txt is not a key; the keys here are id, year, date, text, codes, line")
    assert "cluster" not in message  # it is the section promise that names it


def test_a_choice_between_kinds_names_them_all() -> None:
    message = refused(search={"gpus": "many"})
    assert message.startswith("search.gpus: ")
    assert "valid integer" in message
    assert "'auto'" in message
    assert message.endswith(", but got 'many'")
    assert "greater than or equal to 0" in refused(search={"gpus": -1})


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"corpus": 3},
        {"corpus": {}},
        {"corpus": {"format": "table", "columns": 3}},
        {"corpus": {"format": 3}},
        {"corpus": {"format": "table", "columns": {"text": [1]}}},
        {"corpus": {"format": "table", "indicators": {"A": 1}}},
        {"corpus": {"format": "table", "delimiter": ";;"}},
        {"corpus": {"format": "table"}, "years": [2012]},
        {"corpus": {"format": "table"}, "search": {"families": []}},
        {"corpus": {"format": "table"}, "search": {"families": "linear"}},
        {"corpus": {"format": "table"}, "search": {"spaces": 3}},
        {"corpus": {"format": "table"}, "search": None},
    ],
    ids=str,
)
def test_whatever_is_wrong_is_one_line(raw: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]+ \(search\.toml\)$"):
        resolve(raw, Path("/"), "search.toml")


# -------------------------------------------------------------------------------------------- files and variables


def write(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "office").mkdir()
    raw = {
        "corpus": {
            "format": "table",
            "path": ["../data/a.csv", "/abs/b.csv"],
            "codes": "codes.csv",
            "dictionaries": "terms.csv",
        },
        "years": SMALLEST["years"],
        "search": {"spaces": "spaces"},
    }
    path = write(tmp_path / "office", tomli_w.dumps(raw))
    monkeypatch.chdir(tmp_path)
    for found in (load_config(path), load_config(path.relative_to(tmp_path))):
        assert found.corpus.path == (tmp_path / "data" / "a.csv", Path("/abs/b.csv"))
        assert found.corpus.codes == str(tmp_path / "office" / "codes.csv")
        assert found.corpus.dictionaries == (tmp_path / "office" / "terms.csv",)
        assert found.search.spaces == tmp_path / "office" / "spaces"


@pytest.mark.parametrize("path", sorted((CHECKOUT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_is_a_configuration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8")):
        monkeypatch.setenv(name, "/data")
    found = load_config(path)
    reader(found.corpus.format)
    assert found.corpus.path or found.corpus.format == "synthetic"
    assert found.corpus.language is not None


def test_a_named_code_list_is_no_path() -> None:
    assert config(corpus={"codes": "icd-10"}).corpus.codes == "icd-10"


def test_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE", "/data")
    monkeypatch.setenv("YEAR", "2012")
    monkeypatch.setenv("HOME", "/home/me")
    corpus = {
        "path": ["${OFFICE}/x-${YEAR}.csv", "~/y.csv", "$OFFICE.csv"],
        "codes": "${OFFICE}/c.csv",
        "dictionaries": ["${OFFICE}/d.csv", "e.csv"],
    }
    found = config(corpus=corpus, search={"spaces": "${OFFICE}/spaces"})
    assert found.corpus.path == (Path("/data/x-2012.csv"), Path("/home/me/y.csv"), Path("/office/$OFFICE.csv"))
    assert found.corpus.codes == "/data/c.csv"
    assert found.corpus.dictionaries == (Path("/data/d.csv"), Path("/office/e.csv"))
    assert found.search.spaces == Path("/data/spaces")


@pytest.mark.parametrize("key", ["corpus.path", "corpus.codes", "corpus.dictionaries", "search.spaces"])
def test_a_variable_that_is_not_set(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFFICE", raising=False)
    section, name = key.split(".")
    message = refused(**{section: {name: "${OFFICE}/x.csv"}})
    assert message == f"{key} needs the environment variable OFFICE, which is not set"


@pytest.mark.parametrize("path", ["~no-such-user-here/x.csv", "a\0b.csv"])
def test_a_path_that_cannot_be_one(path: str) -> None:
    assert refused(corpus={"path": path}).startswith(f"corpus.path must be a path, but got {path!r}: ")


def test_the_given_values_are_left_alone() -> None:
    raw: dict[str, Any] = {"corpus": {"format": "table", "path": "a.csv"}, "years": dict(SMALLEST["years"])}
    resolve(raw, Path("/office"), "search.toml")
    assert raw["corpus"]["path"] == "a.csv"


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=rf"^the configuration must be a readable file, but got [^\n]*{reason}"):
            load_config(path)
    with pytest.raises(ConfigError, match=r"^the configuration must be TOML: [^\n]*my\.toml\)$"):
        load_config(write(tmp_path, "[corpus\nformat = 3"))
    (tmp_path / "my.toml").write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match=r"^the configuration must be UTF-8 text \([^\n]*my\.toml\)$"):
        load_config(tmp_path / "my.toml")
    with pytest.raises(ConfigError, match=r"^corpus\.format is required \(my\.toml\)$"):
        load_config(write(tmp_path, "[corpus]\n"))
