from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from certificates import YEARS, Roles
from small_base import small_base

from harness.config import RunConfig, YearsConfig
from harness.corpus import store
from harness.corpus.store import Store
from harness.corpus.years import assign
from harness.errors import RunError, SpaceError
from harness.experiment.adapting import adapt_stage
from harness.experiment.work import Work
from harness.families.torch_parts import pretrained
from harness.run.folder import RunFolder
from harness.search.cluster import Cluster, cluster
from harness.search.space import Space, check_space
from harness.search.worker import AdaptResult, AdaptSpec, Failure, run_adapt

WORD = "WITHHELD"


@dataclass
class Here:
    """A cluster that adapts in this process, and counts."""

    asked: list[tuple[AdaptSpec, str]] = field(default_factory=list)
    broken: bool = False

    def adapt(self, spec: AdaptSpec, family: str) -> AdaptResult | Failure:
        self.asked.append((spec, family))
        return (
            Failure("MemoryError at harness/families/torch_parts/adaptation.py:1") if self.broken else run_adapt(spec)
        )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_base(tmp_path_factory.mktemp("base"), layers=1)


@pytest.fixture
def small_store(tiny_roles: Roles, tmp_path: Path) -> Store:
    return store.build(tiny_roles.read, assign(tiny_roles.read, YearsConfig(**YEARS)), tmp_path / "cache" / "stores")


@pytest.fixture
def work(small_store: Store, base: Path, tmp_path: Path) -> Work:
    config = RunConfig.model_validate(
        {"corpus": {"format": "synthetic"}, "years": YEARS, "search": {"adaptation": "1s", "seed": 3}}
    )
    spaces = {"encoder": _space(base)}
    return Work(RunFolder(tmp_path / "run"), config, spaces, small_store, "", cast(Cluster, Here()), lambda line: None)


def _space(*bases: Path | str, start: Any = ("pretrained", "adapted")) -> Space:
    names = [str(name) for name in bases]
    raw: dict[str, Any] = {"start": {"choices": list(start), "default": start[0]}}
    if names:
        raw["base"] = {"choices": names, "default": names[0]} if len(names) > 1 else {"value": names[0]}
    return check_space("encoder", raw, "encoder.toml")


def _asked(work: Work) -> list[tuple[AdaptSpec, str]]:
    return cast(Here, work.cluster).asked


def test_the_base_is_adapted_to_the_training_years_alone(work: Work, base: Path) -> None:
    adapt_stage(work)
    ((spec, family),) = _asked(work)
    assert family == "encoder"
    assert (spec.base, spec.train, spec.seconds, spec.seed) == (str(base), (work.store.roles["train"],), 1.0, 3)
    folder = Path(work.adapted)
    assert folder.parent == Path(work.cache) / "adapted"
    assert pretrained.encoder(folder, layers=0, random=False, seed=0).config.num_hidden_layers == 1
    stage = work.run.stage("adapt") or {}
    lines = work.corpus("train").texts.lines.unique()
    assert (stage["folder"], stage["made"], stage["texts"]) == (
        folder.name,
        True,
        len(lines) - lines.to_pylist().count(""),
    )
    assert {"seconds", "loss_before", "loss_after", "epochs", "ended_by"} < stage.keys()
    assert str(work.cache) not in (work.run.path / "stages" / "adapt.json").read_text()


def test_what_is_done_is_not_done_again(work: Work) -> None:
    adapt_stage(work)
    adapt_stage(work)
    assert len(_asked(work)) == 1


def test_another_run_that_shares_the_cache_finds_it(work: Work, tmp_path: Path) -> None:
    adapt_stage(work)
    other = replace(work, run=RunFolder(tmp_path / "other"))
    adapt_stage(other)
    first, second = (one.run.stage("adapt") or {} for one in (work, other))
    assert (first["made"], second["made"]) == (True, False)
    assert {**first, "made": None} == {**second, "made": None}
    assert other.adapted == work.adapted


def test_a_folder_that_is_gone_is_made_again(work: Work) -> None:
    adapt_stage(work)
    shutil.rmtree(work.adapted)
    adapt_stage(work)
    assert len(_asked(work)) == 2
    assert Path(work.adapted).is_dir()


def test_other_training_years_are_other_texts(work: Work) -> None:
    spec = AdaptSpec("", str(work.store.path), (work.store.roles["train"],), work.cache, 0.1)
    base = work.spaces["encoder"].dimensions["base"].value
    both = (work.store.roles["train"], work.store.roles["validation"])
    names = {run_adapt(replace(spec, base=base, train=rows)).folder for rows in (spec.train, both)}
    assert len(names) == 2


@pytest.mark.parametrize("start", [("pretrained",), ("random", "pretrained")])
def test_a_space_that_does_not_offer_it_costs_nothing(work: Work, base: Path, start: Any) -> None:
    adapt_stage(replace(work, spaces={"encoder": _space(base, start=start), "bag": check_space("bag", {}, "bag.toml")}))
    assert not _asked(work)
    assert work.run.stage("adapt") is None
    assert work.adapted == ""


def test_spaces_of_a_part_of_the_run_may_be_given(work: Work, base: Path) -> None:
    adapt_stage(replace(work, spaces={}), {"encoder": _space(base, start=("adapted",))})
    assert len(_asked(work)) == 1


def test_two_bases_are_refused(work: Work, base: Path) -> None:
    with pytest.raises(SpaceError, match=r"base must have one value where start offers adapted, .* \(encoder.toml\)"):
        adapt_stage(work, {"encoder": _space("minilm", base)})


def test_a_failure_ends_the_run_with_its_type_and_place(work: Work) -> None:
    broken = replace(work, cluster=cast(Cluster, Here(broken=True)))
    with pytest.raises(
        RunError, match=r"could not be adapted \(MemoryError at harness/families/torch_parts/adaptation.py:1\)"
    ):
        adapt_stage(broken)
    assert work.run.stage("adapt") is None


@pytest.fixture
def one_slot() -> Any:
    with cluster(gpus=0, cpus=1) as found:
        yield found


@pytest.mark.ray
def test_a_worker_adapts_it_and_tells_no_text(work: Work, base: Path, tmp_path: Path, one_slot: Cluster) -> None:
    adapt_stage(replace(work, cluster=one_slot))
    assert Path(work.adapted).is_dir()
    broken = tmp_path / WORD
    shutil.copytree(base, broken)
    (broken / "model.safetensors").write_bytes(WORD.encode() * 9)
    spec = AdaptSpec(str(broken), str(work.store.path), (work.store.roles["train"],), work.cache, 1.0)
    found = one_slot.adapt(spec, "encoder")
    assert isinstance(found, Failure)
    assert " at harness/families/torch_parts/adaptation.py:" in found.reason
    assert WORD not in found.reason
