from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import RunConfig, resolve
from harness.corpus.store import build
from harness.corpus.years import assign
from harness.errors import ConfigError, UnknownName
from harness.experiment.check import check

YEARS = {"train": "2012", "validation": "2013"}
COLUMNS = {"id": "id", "year": "year", "text": "text", "codes": "codes"}


def config(folder: Path, **sections: Any) -> RunConfig:
    raw = {"corpus": {"format": "synthetic"}, "years": YEARS, "search": {"families": ["linear"]}, **sections}
    return resolve(raw, folder, "search.toml")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"automation": {"witnesses": ["dictionary", "magic"]}},
            r"^automation\.witnesses must hold dictionary, linear, .*, but got 'magic'$",
        ),
        ({"automation": {"witnesses": ["nothing"]}}, r"^automation\.witnesses must hold .*, but got 'nothing'$"),
        (
            {"automation": {"estimators": ["mood"]}},
            r"^automation\.estimators must hold product, margin, .*, novelty, but got 'mood'$",
        ),
        (
            {"automation": {"estimators": ["sequence", "beam_gap"]}},
            r"^automation\.estimators must leave each family one that it has: linear has product, margin, entropy, "
            r"agreement, novelty, but got sequence, beam_gap$",
        ),
        (
            {"automation": {"estimators": ["agreement"], "witnesses": ["linear"]}},
            r"^automation\.estimators .*: linear has product, margin, entropy, novelty, but got agreement$",
        ),
        (
            {"automation": {"gates": ["unseen_word", "disagreement"], "witnesses": []}},
            r'^automation\.witnesses must name a family where automation\.gates holds "disagreement": .*, but got \[\]$',
        ),
        (
            {"promise": {"cluster": "certifier"}},
            r"^promise\.cluster must be left out with the format synthetic, which has no such column; "
            r"the formats connecticut, lines, table read one$",
        ),
        (
            {"promise": {"unit": "both"}, "corpus": {"format": "connecticut"}},
            r"^promise\.unit must be certificate with the format connecticut, .*, but got 'both'$",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, sections: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, UnknownName), match=message):
        check(config(tmp_path, **sections), tmp_path)


def test_what_can_be_passes(tmp_path: Path) -> None:
    more = {"automation": {"witnesses": ["bag"]}, "promise": {"unit": "line"}}
    assert check(config(tmp_path, **more), tmp_path).config.automation.witnesses == ("bag",)
    assert check(config(tmp_path, automation={"witnesses": []}), tmp_path).config.automation.witnesses == ()
    gated = config(tmp_path, automation={"gates": ["disagreement"], "witnesses": ["bag"]})
    assert check(gated, tmp_path).config.automation.gates == ("disagreement",)
    for family, asked in (("seq2seq", "sequence"), ("gru", "beam_gap"), ("linear", "agreement"), ("linear", "margin")):
        one = config(tmp_path, automation={"estimators": [asked]}, search={"families": [family]})
        assert check(one, tmp_path).config.automation.estimators == (asked,)


def test_the_cluster_of_a_configuration_reaches_the_store(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,year,text,codes,by\n1,2013,x,A,south\n2,2012,y,B,north\n3,2012,z,B,\n")
    corpus = {"format": "table", "path": "a.csv", "columns": COLUMNS}
    checked = check(config(tmp_path, corpus=corpus, promise={"cluster": "by"}), tmp_path)
    read = checked.read(checked.config.corpus.path, checked.config.corpus, True)
    store = build(read, assign(read, checked.config.years), tmp_path / "store")
    found = {role: store.corpus(rows).clusters for role, rows in store.roles.items()}
    assert {role: clusters and clusters.to_pylist() for role, clusters in found.items()} == {
        "train": ["north", None],
        "validation": ["south"],
    }
