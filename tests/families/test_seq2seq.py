from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import by_certificate, by_line
from hypothesis import given, settings
from hypothesis import strategies as st
from small_base import small_base

from harness.corpus.builder import Builder, RawLine
from harness.corpus.certificate import Corpus, Texts, strings
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.errors import SpaceError
from harness.families import frame
from harness.families.examples import distinct
from harness.families.family import Context, Predictions, Units
from harness.families.seq2seq import WRITES, Seq2SeqModel
from harness.families.torch_parts import outputs, own_tokens
from harness.families.torch_parts.grammar import accepts
from harness.families.torch_parts.outputs import Task

NOTHING = Knowledge()
TASKS: tuple[Task, ...] = ("code", "normalise", "joint")
SMALL: dict[str, Any] = {
    "unit": "line", "width": 32, "layers": 1, "epochs": 3, "batch": 256, "fresh_rate": 0.01, "learning_rate": 0.003,
    "length": 32, "longest": 24, "buckets_log2": 10, "vocabulary": 120,
}  # fmt: skip
WORDINGS = {
    "I50": ("Heart failure", ("heart failure", "failing heart", "cardiac failure")),
    "J18": ("Pneumonia", ("pneumonia", "lung infection", "pneumonie")),
    "A41": ("Sepsis", ("sepsis", "blood poisoning", "septic shock")),
    "W19": ("Fall", ("fall at home", "fell from stairs", "a fall")),
    "C34": ("Lung cancer", ("lung cancer", "bronchial carcinoma", "cancer of lung")),
    "E14": ("Diabetes", ("diabetes", "sugar disease", "diabetic")),
    "K74": ("Cirrhosis", ("liver cirrhosis", "cirrhosis", "fibrosis of liver")),
    "G20": ("Parkinson", ("parkinson", "shaking palsy", "parkinsonism")),
}
CODES = sorted(WORDINGS)
TOGETHER = list(combinations(CODES, 2))
NEVER = TOGETHER[::5]  # pairs that no training line has


def line(codes: Sequence[str], rng: np.random.Generator) -> RawLine:
    said = [WORDINGS[code][1][rng.integers(3)] for code in codes]
    return RawLine(" due to ".join(said), codes=codes, standard=[WORDINGS[code][0] for code in codes])


def office(n: int = 150, pairs: Sequence[tuple[str, str]] = (), year: int = 2012) -> Corpus:
    """Certificates of one line each, of one code or of one of some pairs, with the experts' wording."""
    rng = np.random.default_rng(0)
    builder = Builder(files=("test.csv",), codes_by_line=True, has_standard=True)
    for number in range(n):
        one = (CODES[number % len(CODES)],)
        own = one if number % 2 or not pairs else pairs[number // 2 % len(pairs)]
        builder.add(str(number), year, [line(own, rng)], place=(0, number + 2))
    return builder.finish().corpus


def fit(corpus: Corpus, knowledge: Knowledge = NOTHING, context: Context | None = None, **more: Any) -> frame.Model:
    return frame.fit("seq2seq", corpus, None, knowledge, {**SMALL, **more}, context or Context(seed=1))


def texts(*lines: str, year: int = 2013) -> Texts:
    return by_line(*((year, [(text, [])]) for text in lines)).texts


ASKED = texts("heart failure", "sepsis due to pneumonia", "a fall", "who knows", "HEART  failing, diabetes", "!? …")


def same(one: Predictions, other: Predictions) -> None:
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(one.scores, part), getattr(other.scores, part))
    assert one.written is not None
    assert other.written is not None
    np.testing.assert_array_equal(one.written.first, other.written.first)
    np.testing.assert_array_equal(one.written.columns, other.written.columns)
    assert (one.written.text is None) == (other.written.text is None)
    if one.written.text is not None:
        assert one.written.text.equals(other.written.text)
    for name in ("log_probability", "gap"):
        a, b = getattr(one.written, name), getattr(other.written, name)
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)


def saved(model: frame.Model, folder: Path) -> frame.Model:
    model.save(folder)
    return frame.load(folder)


# ------------------------------------------------------------------------------------------------- what it writes


def test_pairs_of_codes_and_texts_that_training_never_had_are_written() -> None:
    """It is no classifier in disguise: what it writes is made of parts, in the order of the line."""
    known = [pair for pair in TOGETHER if pair not in NEVER]
    model = fit(office(400, known), task="joint", width=64, epochs=12, dropout=0.0, batch=64, fresh_rate=0.003)
    rng = np.random.default_rng(7)
    found = model.predict(texts(*(line(pair, rng).text for pair in NEVER)))
    assert found.written is not None
    assert found.written.text is not None
    written = [
        tuple(model.labels.codes[column] for column in found.written.columns[start:stop])
        for start, stop in zip(found.written.first[:-1], found.written.first[1:], strict=True)
    ]
    right = [own == pair for own, pair in zip(written, NEVER, strict=True)]
    wordings = ["; ".join(WORDINGS[code][0] for code in pair) for pair in NEVER]
    worded = [own == text for own, text in zip(found.written.text.to_pylist(), wordings, strict=True)]
    assert np.mean(right) >= 0.5  # a model that has only ever one of its training's outputs has none of them
    assert np.mean(worded) >= 0.5


@pytest.mark.parametrize("by_code", [True, False])
@pytest.mark.parametrize("task", TASKS)
def test_every_task_learns_codes_and_words(task: Task, by_code: bool) -> None:
    model = fit(office(), task=task, by_code=by_code, epochs=20, batch=32, dropout=0.0)
    found = model.predict(ASKED)
    scores, column = found.scores.toarray(), model.labels.index
    assert scores[0, column["I50"]] == scores[0].max() > 0.3
    assert scores[2, column["W19"]] == scores[2].max()
    assert found.written is not None
    assert (found.written.text is None) == (task == "code")
    assert found.written.columns[found.written.first[0]] == column["I50"]
    if found.written.text is not None:
        assert found.written.text[0].as_py() == "Heart failure"


@pytest.mark.parametrize("more", [{}, {"input": "pieces"}, {"by_code": False}, {"pieces": "characters"}], ids=str)
@pytest.mark.parametrize("task", TASKS)
def test_every_variant_is_saved_and_tells_texts_apart(task: Task, more: dict[str, Any], tmp_path: Path) -> None:
    model = fit(office(60, TOGETHER), task=task, beams=1 + len(more), **more)
    found = model.predict(ASKED)
    same(saved(model, tmp_path / "model").predict(ASKED), found)
    assert np.isfinite(found.scores.data).all()
    assert found.written is not None
    assert found.written.log_probability is not None
    assert len(set(found.written.log_probability.tolist())) > 3


@pytest.mark.parametrize("task", TASKS)
def test_beams_say_by_how_much_an_output_is_surer(task: Task) -> None:
    corpus = office(60)
    one, many = (fit(corpus, task=task, beams=beams).predict(ASKED).written for beams in (1, 3))
    assert one is not None
    assert many is not None
    assert one.gap is None
    assert many.gap is not None
    assert (many.gap >= 0).all()
    assert many.log_probability is not None
    assert one.log_probability is not None
    assert (many.log_probability < 0).all()
    assert (one.log_probability < 0).all()


def test_how_sure_a_joint_model_is_is_said_of_its_codes() -> None:
    """Its wording is another output, of which nothing is said."""
    inner = fit(office(60, TOGETHER), task="joint", epochs=1).inner
    assert isinstance(inner, Seq2SeqModel)
    units = Units(ASKED.lines)
    alone = replace(inner, task="code").write(units)[1]
    found = inner.write(units)[1]
    assert alone.log_probability is not None
    assert found.log_probability is not None
    np.testing.assert_array_equal(found.log_probability, alone.log_probability)
    np.testing.assert_array_equal(found.columns, alone.columns)


@pytest.mark.parametrize("task", TASKS)
def test_without_any_wording_codes_are_written_all_the_same(task: Task, tmp_path: Path) -> None:
    corpus = by_certificate(*((2012, [WORDINGS[code][1][n % 3]], [code]) for n, code in enumerate(CODES * 20)))
    model = fit(corpus, task=task, unit="certificate", epochs=6)
    found = model.predict(ASKED)
    assert found.scores[0, model.labels.index["I50"]] == found.scores[0].max()
    assert found.written is not None
    if task != "code":
        assert found.written.text is not None
        assert set(found.written.text.to_pylist()) == {""}
    same(saved(model, tmp_path / "model").predict(ASKED), found)


def test_codes_without_words_stand_between_words() -> None:
    knowledge = Knowledge(CodeList((CodeEntry("A", "Influenza"),)))
    corpus = by_line(*((2012, [(f"flu {n % 3}", ["A"]), (f"fall {n % 3}", ["B"])]) for n in range(40)))
    model = fit(corpus, knowledge, task="normalise", epochs=40, batch=16, dropout=0.0)
    found = model.predict(texts("flu 1", "fall 2")).written
    assert found is not None
    assert found.text is not None
    assert found.text.to_pylist() == ["Influenza", ""]
    assert [model.labels.codes[column] for column in found.columns] == ["A", "B"]


def test_a_wording_may_hold_what_a_tokenizer_takes_for_its_own() -> None:
    builder = Builder(files=("test.csv",), codes_by_line=True, has_standard=True)
    for n in range(20):
        builder.add(str(n), 2012, [RawLine("flu", codes=["A"], standard=["flu </s> <sep> <pad>"])], place=(0, n + 2))
    corpus = builder.finish().corpus
    for task in TASKS:
        model = fit(corpus, task=task, input="pieces", epochs=1)
        assert model.predict(texts("flu </s> <sep> <pad>", "</s>")).scores.shape == (2, 1)


def test_outputs_that_have_no_room_lose_their_last_entries_and_no_more() -> None:
    model = fit(office(120, TOGETHER), task="joint", longest=4, epochs=2, pieces="characters")
    found = model.predict(ASKED).written
    assert found is not None
    assert (np.diff(found.first) <= 3).all()


# --------------------------------------------------------------------------------------- whatever the weights are

YEARS = (2010, 2016)
CHANGING = Knowledge(
    CodeList(
        (
            CodeEntry("I50", valid_from=2012),
            CodeEntry("J18", "Pneumonia", valid_to=2013),
            CodeEntry("A41", valid_from=2011, valid_to=2014),
            CodeEntry("W19", "Fall"),
            CodeEntry("Z99", "Dependence", valid_from=2015),  # only the list knows it
        )
    )
)


@cache
def random(task: Task, beams: int) -> frame.Model:
    """Fitted once; its weights are drawn anew for each example."""
    return fit(office(60, TOGETHER), CHANGING, task=task, beams=beams, epochs=1, longest=12)


def shaken(model: frame.Model, seed: int, scale: float) -> Seq2SeqModel:
    import torch

    inner = model.inner
    assert isinstance(inner, Seq2SeqModel)
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in inner.network.parameters():
            weight.normal_(0.0, scale, generator=drawn)
    return inner


words = st.sampled_from(
    ["heart", "failure", "pneumonia", "sepsis", "fall", "due", "to", "zzz", "!", "心筋梗塞", "</s>"]
)
rows = st.lists(
    st.tuples(st.integers(*YEARS), st.lists(st.lists(words, max_size=4).map(" ".join), max_size=3)),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=10)
@given(st.integers(0, 2**20), st.sampled_from([0.05, 0.5, 3.0]), rows)
def test_no_output_breaks_the_grammar_and_no_code_leaves_its_years(
    task: Task, beams: int, seed: int, scale: float, given: list[tuple[int, list[str]]]
) -> None:
    model = random(task, beams)
    inner = shaken(model, seed, scale)
    asked = by_line(*((year, [(text, []) for text in own]) for year, own in given)).texts
    found = model.predict(asked)
    codes = model.labels.codes
    assert CHANGING.code_list is not None
    valid = {code: CHANGING.code_list.by_code.get(code, CodeEntry(code)) for code in codes}

    def barred(code: str, year: int) -> bool:
        entry = valid[code]
        return not (entry.valid_from or 0) <= year <= (entry.valid_to or 9999)

    scores = found.scores.toarray()
    assert np.isfinite(scores).all()
    assert found.written is not None
    written = found.written
    years = asked.years[asked.certificate_of_line]
    for row, year in enumerate(years.tolist()):
        own = [codes[column] for column in written.columns[written.first[row] : written.first[row + 1]]]
        assert not any(barred(code, year) for code in own)
        assert len(own) == len(set(own))
        if not asked.lines[row].as_py():
            assert own == []
    for row, year in enumerate(asked.years.tolist()):
        for column, code in enumerate(codes):
            assert scores[row, column] == 0.0 or not barred(code, year)
    assert found.line_scores is not None
    of_lines = found.line_scores.toarray()
    for row, year in enumerate(years.tolist()):
        assert not any(of_lines[row, column] and barred(code, year) for column, code in enumerate(codes))
    _all_accepted(model, inner, asked)


def _all_accepted(model: frame.Model, inner: Seq2SeqModel, asked: Texts) -> None:
    shown = distinct(asked, "line", None, None, model.validity)
    units = Units(shown.text, seasons=shown.seasons)
    for writes in WRITES[inner.task]:
        grammar = outputs.allowed(writes, inner.known, inner.vocabulary, inner.most_codes, units.seasons)
        for chosen, said in inner._blocks(units, inner.reader.read(units), writes, inner.beams):
            for row, ids in zip(chosen.tolist(), said.ids.tolist(), strict=True):
                output = ids[: ids.index(inner.vocabulary.end) + 1]
                assert len(output) <= inner.longest
                assert accepts(grammar, output, 0 if units.seasons is None else int(units.seasons.era[row]))


# ----------------------------------------------------------------------------------------- cut, beside texts, saved


class StoppedError(Exception):
    """As Tune ends a trial."""


@pytest.mark.parametrize("task", ["code", "joint"])
def test_an_interrupted_fit_ends_as_if_it_had_not_been(task: Task, tmp_path: Path) -> None:
    corpus, asked = office(60, TOGETHER), office(20, NEVER).texts
    parameters = {**SMALL, "task": task, "dropout": 0.2}

    def fitted(context: Context, report: Callable[[int, Predictions], None]) -> frame.Model:
        return frame.fit("seq2seq", corpus, asked, NOTHING, parameters, context, report)

    def interrupt(step: int, _: object) -> None:
        raise StoppedError

    whole: list[Predictions] = []
    rest: list[Predictions] = []
    uncut = fitted(Context(seed=1), lambda _, found: whole.append(found))
    context = Context(seed=1, checkpoint=tmp_path / "checkpoint")
    with pytest.raises(StoppedError):
        fitted(context, interrupt)
    resumed = fitted(context, lambda _, found: rest.append(found))
    assert resumed.steps == uncut.steps == 3
    assert len(rest) == 2  # the first epoch is not done twice
    for one, other in zip(rest, whole[1:], strict=True):
        same(one, other)
    same(resumed.predict(asked), uncut.predict(asked))
    same(whole[-1], uncut.predict(asked))
    assert {path.suffix for path in (tmp_path / "checkpoint").iterdir()} == {".safetensors"}


def with_ages(corpus: Corpus, ages: Sequence[str]) -> Corpus:
    return replace(corpus, texts=replace(corpus.texts, covariates={"age": strings([*ages])}))


def test_codes_follow_the_order_that_training_had() -> None:
    corpus = by_line(*((2012, [(f"flu and fall {n % 4}", ["W19", "J11"])]) for n in range(60)))
    found = fit(corpus, epochs=40, batch=16, dropout=0.0).predict(corpus.texts.rows(0, 4)).written
    assert found is not None
    assert found.columns.tolist() == [1, 0] * 4  # W19, then J11


# -------------------------------------------------------------------------------------------- bases on the disk

KINDS = ("t5", "bart", "mbart", "marian", "bert")
# What a folder asks of everyone who lets its model write; none of it fits a grammar.
HABITS = {
    "no_repeat_ngram_size": 2, "min_length": 9, "num_beams": 4, "length_penalty": 2.0, "early_stopping": True,
    "forced_bos_token_id": 3, "forced_eos_token_id": 1, "bad_words_ids": [[0], [7]], "repetition_penalty": 3.0,
    "max_length": 5, "suppress_tokens": [5, 6], "do_sample": True, "temperature": 0.2,
}  # fmt: skip


def written_base(folder: Path, kind: str, **more: Any) -> str:
    """A folder as an office may have one."""
    import torch
    import transformers as hf

    if kind == "bert":
        return str(small_base(folder, more=("sepsis", "fall", "diabetes"), **more))
    tokenizer = own_tokens.learnt([office(60, TOGETHER).texts.lines], "subwords", 150)
    tokenizer.model_max_length = 64
    shared = {"vocab_size": len(tokenizer), "d_model": 32, "pad_token_id": 0, "eos_token_id": 1, **more}
    sizes = {
        "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "decoder_start_token_id": 1, "bos_token_id": 3,
        "max_position_embeddings": 66,
    }  # fmt: skip
    if kind == "t5":
        sizes = {"d_kv": 16, "d_ff": 48, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    config, model = {
        "t5": (hf.T5Config, hf.T5ForConditionalGeneration),
        "bart": (hf.BartConfig, hf.BartForConditionalGeneration),
        "mbart": (hf.MBartConfig, hf.MBartForConditionalGeneration),
        "marian": (hf.MarianConfig, hf.MarianMTModel),
    }[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model(config(**{**sizes, **shared})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    home = tmp_path_factory.mktemp("bases")
    return cache(lambda kind: written_base(home / kind, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_base_is_tuned_saved_and_loaded_without_its_folder(
    kind: str, base: Callable[[str], str], tmp_path: Path
) -> None:
    moved = tmp_path / "base"
    moved.symlink_to(base(kind))
    model = fit(office(90, TOGETHER), task="joint", base=str(moved), beams=2)
    found = model.predict(ASKED)
    model.save(tmp_path / "model")
    moved.unlink()
    same(frame.load(tmp_path / "model").predict(ASKED), found)
    assert len({tuple(row) for row in found.scores.toarray().round(6).tolist()}) > 3  # texts are told apart
    for path in (path for path in (tmp_path / "model" / "unit").rglob("*") if path.is_file()):
        assert path.suffix in {".json", ".npz", ".safetensors", ".txt"}, path
        for name in (base(kind), str(moved)):
            assert name.encode() not in path.read_bytes(), path  # no path of this machine


@pytest.mark.parametrize("kind", ["t5", "bart", "mbart", "bert"])  # others are slow to
def test_a_base_learns(kind: str, base: Callable[[str], str]) -> None:
    corpus = office(96)
    model = fit(corpus, base=base(kind), epochs=30, dropout=0.0, fresh_rate=0.003, batch=32)
    scores = model.predict(corpus.texts).over(corpus.labels).toarray()
    right = corpus.codes.toarray() > 0
    assert scores[right].mean() > 2.0 * scores[~right].mean()


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_what_a_base_is_used_to_changes_nothing(
    kind: str, beams: int, base: Callable[[str], str], tmp_path: Path
) -> None:
    plain = base(kind)
    used = tmp_path / "used"
    used.mkdir()
    for path in Path(plain).iterdir():
        (used / path.name).write_bytes(path.read_bytes())
    (used / "generation_config.json").write_text(json.dumps({**HABITS, "pad_token_id": 0, "eos_token_id": 1}))
    corpus = office(60, TOGETHER)
    found = []
    for folder in (plain, str(used)):
        model = fit(corpus, base=folder, task="normalise", beams=beams, epochs=1)
        found += [model.predict(ASKED), saved(model, tmp_path / Path(folder).name / "model").predict(ASKED)]
    for other in found[1:]:
        same(found[0], other)


@pytest.mark.parametrize("kind", ["fresh", "pieces", "t5", "bart", "bert"])
def test_covariates_are_read(kind: str, base: Callable[[str], str], tmp_path: Path) -> None:
    corpus = with_ages(office(60), ["85" if n % 2 else "20" for n in range(60)])
    more: dict[str, Any] = {"input": kind if kind == "pieces" else "words"}
    if kind not in {"fresh", "pieces"}:
        more["base"] = base(kind)
    model = fit(corpus, covariates=True, **more)
    old, young = (replace(ASKED, covariates={"age": strings([age] * len(ASKED))}) for age in ("85", "20"))
    assert abs(model.predict(old).scores - model.predict(young).scores).max() > 1e-4
    same(saved(model, tmp_path / "model").predict(old), model.predict(old))
    without = fit(corpus, **more)
    same(without.predict(old), without.predict(young))


def test_no_more_is_read_and_written_than_a_base_has_places_for(tmp_path: Path) -> None:
    """Its tokenizer promises 64 tokens, its tables of places hold 24."""
    short = written_base(tmp_path / "base", "bart", max_position_embeddings=24)
    corpus = by_line(*((2012, [(f"{'heart ' * 40}{n}", ["I50"])]) for n in range(6)))
    model = fit(corpus, base=short, length=64, longest=24, epochs=1)
    assert np.isfinite(model.predict(corpus.texts).scores.data).all()
    with pytest.raises(SpaceError, match=r"^longest must be at most 24 for the base [^\n]+, but got 40$"):
        fit(corpus, base=short, length=64, longest=40, epochs=1)


def test_a_pretrained_encoder_keeps_as_many_layers_as_asked(base: Callable[[str], str]) -> None:
    corpus = office(30)
    model = fit(corpus, base=base("bert"), layers=2, epochs=1).inner
    assert isinstance(model, Seq2SeqModel)
    assert model.network.config.encoder.num_hidden_layers == 2
    with pytest.raises(SpaceError, match=r"^layers must be at most 3 for the base [^\n]+, but got 4$"):
        fit(corpus, base=base("bert"), layers=4)


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _config(**changed: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        known = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**known, **changed}))

    return change


def _no_padding(folder: Path) -> None:
    known = json.loads((folder / "tokenizer_config.json").read_text())
    del known["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(known))


def _overwritten(name: str) -> Callable[[Path], None]:
    def overwrite(folder: Path) -> None:
        (folder / name).write_text("{")

    return overwrite


BAD: dict[str, Callable[[Path], None]] = {
    "no configuration": _without("config.json"),
    "broken configuration": _overwritten("config.json"),
    "no tokenizer": _without("tokenizer.json"),
    "no weights": _without("model.safetensors"),
    "broken weights": _overwritten("model.safetensors"),
    "unknown model": _config(model_type="unheard_of"),
    "no padding": _no_padding,
}


@pytest.mark.parametrize("kind", ["t5", "bert"])
@pytest.mark.parametrize("fault", BAD)
def test_a_bad_folder_is_refused_in_one_line(kind: str, fault: str, tmp_path: Path) -> None:
    folder = written_base(tmp_path / "base", kind)
    BAD[fault](Path(folder))
    with pytest.raises(SpaceError, match=r"^base must [^\n]+, but [^\n]+$"):
        fit(office(20), base=folder, epochs=1)


def test_a_model_that_does_not_write_is_refused(tmp_path: Path) -> None:
    from transformers import GPT2Config, Speech2TextConfig

    for config in (GPT2Config(), Speech2TextConfig()):
        config.save_pretrained(tmp_path)
        with pytest.raises(SpaceError, match=r"^base must be [^\n]+, but [^\n]+$"):
            fit(office(20), base=str(tmp_path), epochs=1)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "t5-small", "google/mt5-small"])
def test_a_base_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(SpaceError, match=rf"^base must be [^\n]+, but got '{name}'$"):
        fit(office(20), base=name)


# ------------------------------------------------------------------------------------------------ saved, alone


def test_loads_in_a_process_of_its_own_with_its_own_framework_alone(tmp_path: Path) -> None:
    model = fit(office(60, TOGETHER), task="joint")
    model.save(tmp_path / "model")
    script = f"""
import json, socket, sys
from pathlib import Path
def refuse(*_): raise OSError("no network")
socket.socket.connect = refuse
from harness.corpus.certificate import strings
from harness.families import frame
from harness.families.family import Units
model = frame.load(Path({str(tmp_path / "model")!r}))
scores, written = model.inner.write(Units(strings(["heart failure", "a fall"])))
print(json.dumps([scores.toarray().tolist(), written.text.to_pylist(), sorted({{n.partition(".")[0] for n in sys.modules}})]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    scores, written, modules = json.loads(done.stdout)
    own, said = model.inner.write(Units(strings(["heart failure", "a fall"])))  # type: ignore[attr-defined]
    np.testing.assert_allclose(scores, own.toarray(), rtol=1e-4)
    assert written == said.text.to_pylist()
    assert {"torch", "transformers"} <= set(modules)
    assert not {"tensorflow", "keras", "peft"} & set(modules)


def test_no_text_makes_no_output() -> None:
    model = fit(office(30), task="joint", epochs=1).inner
    assert isinstance(model, Seq2SeqModel)
    scores, found = model.write(Units(strings([])))
    assert scores.shape == (0, len(CODES))
    assert len(found) == 0
    assert found.text is not None
