from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from harness.config import load_config
from harness.corpus.knowledge import Knowledge
from harness.corpus.store import knowledge_folder
from harness.errors import CorpusError
from harness.experiment.check import check
from harness.experiment.reading import Reading, read, scratch

CANARY = "zyxcanary"
CERTIFICATES = "id,year,text,codes\na,2012,heart,I21.9\nb,2012,flu,J11\nc,2013,heart,I21.9\nd,2014,plague,A20.7\n"
TERMS = f"text;code\ninfarct;I219\ngrippe;J11\nplague;A207\nzona;B02\n{CANARY};\n"
CODES = "code,title\nJ11,Influenza\nB02,Zoster\n"


def read_office(folder: Path, **corpus: Any) -> tuple[Reading, list[str]]:
    for name, content in (("certificates.csv", CERTIFICATES), ("terms.csv", TERMS), ("codes.csv", CODES)):
        (folder / name).write_text(content)
    columns = {"id": "id", "year": "year", "text": "text", "codes": "codes"}
    raw = {
        "corpus": {"format": "table", "path": "certificates.csv", "columns": columns, **corpus},
        "years": {"train": 2012, "validation": 2013, "heldout": 2014},
    }
    (folder / "my.toml").write_text(tomli_w.dumps(raw))
    said: list[str] = []
    checked = check(load_config(folder / "my.toml"), folder)
    return read(checked, folder / "home", said.append), said


def test_what_is_known_lies_beside_the_store(tmp_path: Path) -> None:
    found, said = read_office(tmp_path, codes="codes.csv", dictionaries="terms.csv", language="en")
    folder = tmp_path / "home" / knowledge_folder(found.row["knowledge"])
    assert set((tmp_path / "home").iterdir()) == {folder, found.store.path}
    knowledge = Knowledge.load(folder)
    assert knowledge.language == "en"
    assert knowledge.code_list is not None
    assert knowledge.lexicon is not None
    assert knowledge.lexicon.texts.to_pylist() == ["infarct", "grippe", "plague", "zona"]
    assert knowledge.lexicon.codes.to_pylist() == ["I21.9", "J11", "A20.7", "B02"]
    assert found.row["code_list"] == {"name": "codes.csv", "n": 2, "fingerprint": knowledge.code_list.fingerprint}
    assert found.row["dictionaries"] == {
        "names": ["terms.csv"],
        "n": 4,
        "fingerprint": knowledge.lexicon.fingerprint,
    }
    assert "code list: 2 codes; of the 2 codes of train it has 1" in said
    assert (
        "dictionaries: 4 rows; 1 of them were matched without the dots of their codes, "
        "1 have a code that neither train nor the code list has" in said
    )  # the held-out year, whose code the plague's is, is not looked at


def test_a_bad_row_of_a_dictionary_is_left_out_and_never_shown(tmp_path: Path) -> None:
    found, said = read_office(tmp_path, dictionaries="terms.csv")
    rule = "a row of a dictionary must have a code"
    assert found.row["quarantine"] == {"total": 0, "dictionary_rows": 1, "rules": {rule: 1}}
    assert f"1 left out: {rule} (terms.csv:6)" in said
    assert CANARY not in " ".join(said) + found.quarantine.to_csv() + str(found.row)


def test_nothing_known(tmp_path: Path) -> None:
    found, _ = read_office(tmp_path)
    assert [found.row[name] for name in ("knowledge", "code_list", "dictionaries")] == [None, None, None]
    assert list((tmp_path / "home").iterdir()) == [found.store.path]


def test_the_same_certificates_with_and_without_a_list_are_told_apart(tmp_path: Path) -> None:
    without, _ = read_office(tmp_path)
    with_list, _ = read_office(tmp_path, codes="codes.csv")
    with_terms, _ = read_office(tmp_path, dictionaries=["terms.csv"])
    assert without.row["fingerprint"] == with_list.row["fingerprint"] == with_terms.row["fingerprint"]
    assert len({found.row["knowledge"] for found in (without, with_list, with_terms)}) == 3


def test_a_dictionary_that_is_not_there_is_found_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"corpus\.dictionaries must be readable files, but got .*no\.csv"):
        read_office(tmp_path, dictionaries="no.csv")
    assert not (tmp_path / "home").exists()


# the private folder


def test_a_private_folder_goes_with_its_block(tmp_path: Path) -> None:
    with scratch(tmp_path / "home") as folder:
        assert folder.parent == tmp_path / "home"
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "store").mkdir()
    assert list((tmp_path / "home").iterdir()) == []


def test_what_a_killed_reader_left_is_swept(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from harness.experiment.reading import scratch\n"
        "with scratch(Path(sys.argv[1])) as folder:\n    print(folder, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        os.utime(left, (0, 0))
        with scratch(tmp_path):
            assert left.exists()  # its process lives
        other.send_signal(signal.SIGKILL)
        other.wait()
    with scratch(tmp_path):
        assert not left.exists()


def test_a_young_folder_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / ".reading-young").mkdir()
    with scratch(tmp_path):
        pass
    assert (tmp_path / ".reading-young").exists()
