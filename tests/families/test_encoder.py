from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import Roles, by_line
from scipy.sparse import csr_array
from small_base import small_base, small_body

from harness.corpus.certificate import LabelSet
from harness.corpus.codes import CodeEntry, CodeList
from harness.corpus.knowledge import Knowledge
from harness.errors import SpaceError
from harness.families import encoder, frame
from harness.families.encoder import Encoder, EncoderModel, EncoderParameters
from harness.families.examples import FrameParameters, examples
from harness.families.family import Context, Examples
from harness.families.torch_parts import frozen, pretrained
from harness.search.space import load_space

NOTHING = Knowledge()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder as an office may have one: a small BERT of three layers with the packaged one's tokenizer."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = pretrained.tokenizer(pretrained.base_folder(pretrained.PACKAGED))
    model = small_body("bert")
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def small(base: str, **more: Any) -> dict[str, Any]:
    return {"base": base, "layers": 2, "epochs": 3, "batch": 32, "head_rate": 0.02, "unit": "line", **more}


def scores(roles: Roles, parameters: dict[str, Any], context: Context | None = None, **more: Any) -> Any:
    context = Context(seed=1) if context is None else context
    model = frame.fit("encoder", roles.train, None, NOTHING, parameters, context, **more)
    return model.predict(roles.validation.texts).scores.toarray()


def learnt(roles: Roles) -> Examples:
    return examples(roles.train, FrameParameters(unit="line"))


# ------------------------------------------------------------------------------------------ starts and bases


def test_what_is_not_adapted_is_refused(tiny_roles: Roles, base: str) -> None:
    with pytest.raises(SpaceError, match=r"^start must be pretrained or random [^\n]+, but got 'adapted'$"):
        scores(tiny_roles, small(base, start="adapted"))


def test_each_start_is_its_own(tiny_roles: Roles, base: str, tmp_path: Path) -> None:
    model = pretrained.encoder(Path(base), layers=0, random=True, seed=9)
    model.save_pretrained(tmp_path)
    pretrained.tokenizer(Path(base)).save_pretrained(tmp_path)
    context = Context(seed=1, adapted=tmp_path)
    found = [scores(tiny_roles, small(base, start=start), context) for start in ("pretrained", "adapted", "random")]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(found[one] - found[other]).max() > 1e-4
    for more in ({"frozen": 1}, {"tuning": "lora", "rank": 2}):
        again = scores(tiny_roles, small(base, start="random", **more), context)
        np.testing.assert_array_equal(again, found[2])  # fresh weights all learn


@pytest.mark.parametrize("kind", ["camembert", "distilbert"])
def test_other_architectures_learn_are_saved_and_loaded(
    kind: str, base: str, tiny_roles: Roles, tmp_path: Path
) -> None:
    model = small_body(kind)
    tokenizer = pretrained.tokenizer(Path(base))
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    fitted = frame.fit(
        "encoder", tiny_roles.train, None, NOTHING, small(str(tmp_path / "base"), frozen=1, length=32), Context(seed=1)
    )
    fitted.save(tmp_path / "model")
    np.testing.assert_array_equal(
        frame.load(tmp_path / "model").predict(tiny_roles.validation.texts).scores.toarray(),
        fitted.predict(tiny_roles.validation.texts).scores.toarray(),
    )


# ----------------------------------------------------------------------------------------------- frozen layers


def test_frozen_layers_are_looked_through_once_and_shared(
    tiny_roles: Roles, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters, context = small(base, frozen=1), Context(seed=1, cache=tmp_path)
    first = scores(tiny_roles, parameters, context)
    kept = sorted(path.name for path in (tmp_path / "frozen").iterdir())
    assert len(kept) == 1
    monkeypatch.setattr(frozen, "_write", None)  # a second fit does not compute them
    np.testing.assert_array_equal(scores(tiny_roles, {**parameters, "frozen": 1}, context), first)
    monkeypatch.undo()
    scores(tiny_roles, {**parameters, "frozen": 2}, context)
    assert len(list((tmp_path / "frozen").iterdir())) == 2


def test_too_many_hidden_states_are_computed_in_each_epoch(
    tiny_roles: Roles, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = scores(tiny_roles, small(base, frozen=1, dropout=0.0))
    monkeypatch.setattr(frozen, "MOST_BYTES", 0)
    found = scores(tiny_roles, small(base, frozen=1, dropout=0.0), Context(seed=1, cache=tmp_path))
    assert not (tmp_path / "frozen").exists()
    assert np.corrcoef(found.ravel(), kept.ravel())[0, 1] > 0.99  # half precision rounds


def test_frozen_weights_stay_and_the_others_learn(tiny_roles: Roles, base: str) -> None:
    parameters = EncoderParameters(base=base, layers=2, frozen=1, epochs=1, batch=32)
    model = Encoder().fit(learnt(tiny_roles), None, NOTHING, parameters, Context())
    before = pretrained.encoder(Path(base), layers=2, random=False, seed=0).state_dict()
    changed = {name for name, weight in model.model.state_dict().items() if not weight.equal(before[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)


# ------------------------------------------------------------------------------------------------- interrupted


class StoppedError(Exception):
    """As Tune ends a trial."""


@pytest.mark.parametrize("more", [{"frozen": 1}, {"tuning": "lora", "rank": 2}, {"head": "titles"}])
def test_an_interrupted_fit_ends_as_if_it_had_not_been(
    more: dict[str, Any], tiny_roles: Roles, base: str, tmp_path: Path
) -> None:
    def fit(context: Context, report: Any) -> frame.Model:
        return frame.fit(
            "encoder", tiny_roles.train, tiny_roles.validation.texts, NOTHING, small(base, **more), context, report
        )

    def interrupt(step: int, _: object) -> None:
        raise StoppedError

    steps: list[int] = []
    whole = fit(Context(seed=1), lambda step, _: None)
    context = Context(seed=1, checkpoint=tmp_path / "checkpoint")
    with pytest.raises(StoppedError):
        fit(context, interrupt)
    resumed = fit(context, lambda step, _: steps.append(step))
    assert steps == [2, 3]  # the first is not done twice
    texts = tiny_roles.validation.texts
    np.testing.assert_array_equal(resumed.predict(texts).scores.toarray(), whole.predict(texts).scores.toarray())
    assert resumed.steps == whole.steps == 3
    assert {path.suffix for path in (tmp_path / "checkpoint").iterdir()} == {".safetensors"}


# ------------------------------------------------------------------------------------------------------- heads


@pytest.mark.parametrize(
    "more",
    [{"head": "pooled", "pooling": pooling} for pooling in ("mean", "cls", "max")]
    + [{"head": "titles"}, {"tuning": "lora", "rank": 2}, {"loss": "focal"}, {"loss": "asymmetric"}, {"accumulate": 2}],
    ids=str,
)
def test_every_variant_learns_and_is_saved(more: dict[str, Any], tiny_roles: Roles, base: str, tmp_path: Path) -> None:
    model = frame.fit("encoder", tiny_roles.train, None, NOTHING, small(base, **more), Context(seed=1))
    model.save(tmp_path / "model")
    texts = tiny_roles.validation.texts
    found = model.predict(texts).scores.toarray()
    np.testing.assert_array_equal(frame.load(tmp_path / "model").predict(texts).scores.toarray(), found)
    prior = found.mean(axis=0)
    assert np.abs(found - prior).max() > 0.05  # texts are told apart
    assert not any("lora" in name for name in _names(tmp_path / "model" / "unit" / "model.safetensors"))


def _names(path: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return list(file.keys())


NAMES = ("heart failure", "chronic kidney disease", "pneumonia", "hip fracture", "brain tumour", "liver cirrhosis")
CODES = tuple(f"K{place}" for place in range(len(NAMES)))


def test_titles_find_codes_that_no_example_shows() -> None:
    """The scores of codes without examples are the family's own: its texts hold no term of the list."""
    texts = [(NAMES[place], [CODES[place]]) for place in range(4) for _ in range(10)]
    corpus = by_line(*((2012, [(f"{text} {n}", codes)]) for n, (text, codes) in enumerate(texts)))
    listed = Knowledge(CodeList(tuple(CodeEntry(code, name) for code, name in zip(CODES, NAMES, strict=True))))
    train = replace(examples(corpus, FrameParameters(unit="line")), listed=LabelSet(CODES[4:]))
    parameters = EncoderParameters(head="titles", layers=0, frozen=4, epochs=2, batch=8, learning_rate=1e-4, hits=0.0)
    model = Encoder().fit(train, None, listed, parameters, Context(seed=1))
    asked = examples(
        by_line((2012, [("tumor of the brain", ["X"])]), (2012, [("cirrhotic livers", ["X"])])),
        FrameParameters(unit="line"),
    )
    found = model.predict(asked.units).toarray()
    assert found.shape == (2, 6)
    assert found[0, 4] > found[1, 4]
    assert found[1, 5] > found[0, 5]


@pytest.mark.parametrize(("n_listed", "each"), [(1, 0.5), (4, 0.5), (100, 0.02), (2000, 0.001)])
def test_codes_without_examples_are_together_as_likely_as_codes_of_one(n_listed: int, each: float) -> None:
    """Of the five examples A has three, B and C have one."""
    corpus = by_line(*((2012, [(f"text {n}", [code])]) for n, code in enumerate("AAABC")))
    listed = LabelSet(tuple(f"X{n}" for n in range(n_listed)))
    train = replace(examples(corpus, FrameParameters(unit="line")), listed=listed)
    assert encoder._unseen(train) == pytest.approx(np.log(each / 5.0))


def test_the_frame_takes_the_surer_of_list_and_titles(base: str) -> None:
    entries = tuple(CodeEntry(code, name) for code, name in zip(CODES, NAMES, strict=True))
    corpus = by_line(*((2012, [(f"{NAMES[n % 4]} {n}", [CODES[n % 4]])]) for n in range(40)))
    asked = by_line((2013, [(NAMES[5], [])])).texts
    found = {}
    for head in ("titles", "label_attention"):
        model = frame.fit("encoder", corpus, None, Knowledge(CodeList(entries)), small(base, head=head), Context())
        assert model.labels.codes == CODES
        found[head] = model.predict(asked).scores.toarray()[0]
    assert found["titles"][5] >= found["label_attention"][5] > 0.1  # the list's own score at least
    assert found["label_attention"][4] == 0.0 < found["titles"][4]


# ------------------------------------------------------------------------------------------- what is beside texts


def test_covariates_and_hits_are_read_where_asked(tiny_roles: Roles, base: str) -> None:
    train = learnt(tiny_roles)
    n = len(train)
    ones = csr_array((np.ones(n, np.float32), (np.arange(n), np.arange(n) % 2)), shape=(n, 2))
    hits = csr_array((np.ones(n, np.float32), (np.arange(n), np.arange(n) % 30)), shape=(n, len(train.labels)))
    beside = replace(train, units=replace(train.units, hits=hits, covariates=ones))
    parameters = EncoderParameters(base=base, layers=1, epochs=2, batch=32, covariates=True)
    model = Encoder().fit(beside, None, NOTHING, parameters, Context())
    without = Encoder().fit(beside, None, NOTHING, parameters.model_copy(update={"hits": 0.0}), Context())
    for part in ("hits", "covariates"):
        none: Any = {part: csr_array(np.zeros(getattr(beside.units, part).shape, np.float32))}
        changed = replace(beside.units, **none)
        assert np.abs((model.predict(changed) - model.predict(beside.units)).toarray()).max() > 1e-3
        same = np.abs((without.predict(changed) - without.predict(beside.units)).toarray()).max() == 0.0
        assert same == (part == "hits")


def test_a_share_keeps_every_term_and_draws_certificates(tiny_roles: Roles) -> None:
    train = learnt(tiny_roles)
    terms = replace(train, times=np.where(np.arange(len(train)) < 7, 0.0, train.times))
    half, again, other = (encoder._sampled(terms, 0.5, seed) for seed in (0, 0, 1))
    assert (half.times == 0).sum() == 7
    assert (half.times > 0).sum() == round((len(train) - 7) / 2)
    assert half.units.text == again.units.text != other.units.text
    assert half.y.shape == (len(half), len(train.labels))
    assert encoder._sampled(terms, 1.0, 0) is terms


def test_no_more_is_read_than_the_model_has_places_for(tmp_path: Path) -> None:
    """Its tokenizer promises 64 tokens, its table of places holds 34."""
    short = small_base(tmp_path, max_position_embeddings=34)
    corpus = by_line(*((2012, [(f"{'heart ' * 70}{n}", [f"C{n % 3}"])]) for n in range(9)))
    model = frame.fit("encoder", corpus, None, NOTHING, small(str(short)), Context())
    assert np.isfinite(model.predict(corpus.texts).scores.data).all()


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
def test_scores_are_probabilities_under_every_loss(loss: str, base: str) -> None:
    """Of one text, all there is to learn, three codings in ten say A and seven say B."""
    corpus = by_line(*((2012, [("sepsis", ["A" if n < 3 else "B"])]) for n in range(10)))
    parameters = small(base, loss=loss, epochs=60, batch=2, head_rate=0.05, learning_rate=1e-4, dropout=0.0)
    model = frame.fit("encoder", corpus, None, NOTHING, parameters, Context())
    found = model.predict(corpus.texts).scores.toarray()[0]
    np.testing.assert_allclose(found, [0.3, 0.7], atol=0.05)


def test_a_text_is_read_to_its_length(tiny_roles: Roles, base: str) -> None:
    parameters = EncoderParameters(base=base, layers=1, epochs=1, length=8)
    model = Encoder().fit(learnt(tiny_roles), None, NOTHING, parameters, Context())
    texts = [f"{' '.join(['alpha'] * 30)} {end}" for end in ("beta", "gamma")]
    units = examples(by_line(*((2012, [(text, ["X"])]) for text in texts)), FrameParameters(unit="line")).units
    first, second = model.predict(units).toarray()
    np.testing.assert_array_equal(first, second)


# ------------------------------------------------------------------------------------------------ saved, alone


def test_loads_without_its_base_and_imports_its_own_framework_alone(
    tiny_roles: Roles, base: str, tmp_path: Path
) -> None:
    """In a process of its own: no TensorFlow, no Keras, no peft, no folder of the base, no network."""
    moved = tmp_path / "base"
    moved.symlink_to(base)
    model = frame.fit(
        "encoder", tiny_roles.train, None, NOTHING, small(str(moved), tuning="lora", rank=2), Context(seed=1)
    )
    model.save(tmp_path / "model")
    moved.unlink()
    for path in (tmp_path / "model" / "unit").iterdir():
        assert path.suffix in {".json", ".safetensors", ".txt"}
        assert base.encode() not in path.read_bytes()  # no path of this machine
        assert str(moved).encode() not in path.read_bytes()
    script = f"""
import json, socket, sys
from pathlib import Path
def refuse(*_): raise OSError("no network")
socket.socket.connect = refuse
from harness.corpus.certificate import strings
from harness.families import frame
from harness.families.family import Units
model = frame.load(Path({str(tmp_path / "model")!r}))
scores = model.inner.predict(Units(strings(["acute cardioitis", "nephhepitis"]))).toarray()
print(json.dumps([scores.tolist(), sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found, modules = json.loads(done.stdout)
    assert {"torch", "transformers"} <= set(modules)
    assert not {"tensorflow", "keras", "peft"} & set(modules)
    assert np.isfinite(found).all()


def test_its_fit_imports_neither_tensorflow_nor_keras() -> None:
    script = """
import sys
from harness.families.runtime import settle
settle()
from harness.corpus.certificate import strings
from harness.corpus.knowledge import Knowledge
from harness.families import family
from harness.families.family import Context, Examples, LabelSet, Units
import numpy as np
from scipy.sparse import csr_array
n = 8
train = Examples(Units(strings([f"text {i}" for i in range(n)])), csr_array(np.eye(n, 2, dtype=np.int8)), np.ones(n),
                 LabelSet(("A", "B")), np.ones(n), np.zeros(n, np.int64), csr_array((1, 2), dtype=np.int8))
encoder = family("encoder")
encoder.fit(train, None, Knowledge(), encoder.Parameters(layers=1, tuning="lora", epochs=1), Context())
print(sorted({"tensorflow", "keras"} & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_scores_do_not_depend_on_their_batch(tiny_roles: Roles, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = EncoderParameters(base=base, layers=1, epochs=1, batch=32)
    train = learnt(tiny_roles)
    model: EncoderModel = Encoder().fit(train, None, NOTHING, parameters, Context())
    together = model.predict(train.units).toarray()
    monkeypatch.setattr("harness.families.torch_parts.widths.BLOCK", 1)
    np.testing.assert_allclose(model.predict(train.units).toarray(), together, rtol=1e-5, atol=1e-9)


def test_nothing_to_read_has_every_column(tiny_roles: Roles, base: str) -> None:
    parameters = EncoderParameters(base=base, layers=1, epochs=1)
    model = Encoder().fit(learnt(tiny_roles), None, NOTHING, parameters, Context())
    assert model.predict(learnt(tiny_roles).units.rows(slice(0, 0))).shape == (0, len(learnt(tiny_roles).labels))


def test_its_space_is_whole() -> None:
    defaults = load_space("encoder").defaults()
    framed, own = frame.part("encoder", defaults)
    assert isinstance(own, EncoderParameters)
    assert framed.unit == "line"
    assert own.start == "pretrained"
    assert "rank" not in defaults  # it belongs to LoRA alone
    assert Encoder().most_steps(own) == own.epochs == defaults["epochs"]
