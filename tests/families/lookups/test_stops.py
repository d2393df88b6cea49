from __future__ import annotations

from certificates import by_line

from harness.families.examples import FrameParameters, examples
from harness.families.lookups.stops import learnt_stops


def learnt(*lines: tuple[str, str]) -> tuple[str, ...]:
    return learnt_stops(
        examples(by_line(*((2012, [(text, [code])]) for text, code in lines)), FrameParameters(unit="line"))
    )


PLACES = ("mama", "colon", "pulmon", "piel", "boca", "lengua")


def test_a_word_that_changes_no_code_is_empty() -> None:
    lines = [(f"cancer{of}{place}", place) for place in PLACES for of in (" ", " de ")]
    assert learnt(*lines, *((place, "healthy") for place in PLACES)) == ("de",)


def test_a_frequent_word_that_changes_codes_is_not() -> None:
    """ "sin" stands in every list of stop words."""
    lines = [(f"{without}{place}", f"{without}{place}") for place in PLACES for without in ("", "sin ")]
    assert learnt(*lines) == ()


def test_a_word_without_twins_must_be_frequent_and_say_little() -> None:
    names = [f"w{number}" for number in range(30)]
    lines = [(f"{name} of", name) for name in names]
    assert learnt(*lines) == ("of",)
    assert learnt(*((text, "one code" if number < 9 else code) for number, (text, code) in enumerate(lines[:12]))) == (
        "of",
    )
    assert learnt(*(("tumour " + name, "C80") for name in names), *((f"{name} x", name) for name in names)) == ("x",)


def test_rare_words_and_no_words() -> None:
    assert learnt(("cancer de mama", "C50"), ("cancer mama", "C50")) == ()
    assert learnt(("!!", "A")) == ()
