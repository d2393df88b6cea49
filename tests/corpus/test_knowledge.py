from __future__ import annotations

from pathlib import Path

import pytest

from harness.corpus.certificate import strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge, Lexicon

LISTED = CodeList((CodeEntry("A", "a; title", ("one", "two"), "P", 2012, None), CodeEntry("B")))
LEXICON = Lexicon(strings(["grippe", "zona", "grippe"]), strings(["J11", "B02", "J10"]))


def lexicon(*rows: tuple[str, str]) -> Lexicon:
    return Lexicon(strings([text for text, _ in rows]), strings([code for _, code in rows]))


@pytest.mark.parametrize(
    "given",
    [
        Knowledge(),
        Knowledge(LISTED),
        Knowledge(None, LEXICON),
        Knowledge(None, None, "fr"),
        Knowledge(LISTED, LEXICON, "fr"),
        Knowledge(CodeList(()), lexicon()),
    ],
)
def test_reads_what_it_wrote(tmp_path: Path, given: Knowledge) -> None:
    given.save(tmp_path / "knowledge")
    again = Knowledge.load(tmp_path / "knowledge")
    assert (again.code_list, again.language, again.fingerprint) == (given.code_list, given.language, given.fingerprint)
    assert (again.lexicon is None) == (given.lexicon is None)
    if again.lexicon is not None and given.lexicon is not None:
        assert again.lexicon.texts.equals(given.lexicon.texts)
        assert again.lexicon.codes.equals(given.lexicon.codes)


def test_the_fingerprint_tells_apart_what_is_known() -> None:
    known = [
        Knowledge(),
        Knowledge(LISTED),
        Knowledge(CodeList(LISTED.entries[:1])),
        Knowledge(None, LEXICON),
        Knowledge(None, lexicon(("grippe", "J11"))),
        Knowledge(LISTED, LEXICON),
        Knowledge(LISTED, LEXICON, "fr"),
        Knowledge(None, None, "fr"),
    ]
    assert len({one.fingerprint for one in known}) == len(known)
    assert Knowledge().fingerprint == ""
    assert all(one.fingerprint for one in known[1:])


def test_a_lexicons_fingerprint_follows_its_rows_and_not_their_order() -> None:
    one, other = lexicon(("a", "X"), ("b", "Y")), lexicon(("b", "Y"), ("a", "X"))
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != lexicon(("a", "Y"), ("b", "X")).fingerprint
