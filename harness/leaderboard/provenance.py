"""How the run was made: certificates, years, search, machine and versions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.language import N_, say
from harness.leaderboard.rows import Evidence, number

ROLES = {
    "train": N_("train"),
    "validation": N_("validation"),
    "calibration": N_("calibration"),
    "heldout": N_("held-out"),
}
USES = {
    "train": N_("fitting"),
    "validation": N_("every choice"),
    "calibration": N_("one reading, to certify"),
    "heldout": N_("scored once, after the pick"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    title: str
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    use: str
    years: str
    n: str
    lines: str
    distinct: str
    repeated: str
    without_codes: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """What a family had of the search: its equal share of the slots' time, and what it used of it."""

    family: str
    given: str
    used: str
    part: str
    trials: str


@dataclass(frozen=True, slots=True)
class Provenance:
    facts: tuple[Facts, ...]
    roles: tuple[Role, ...]
    shares: tuple[Share, ...]
    quarantined: str
    rules: tuple[tuple[str, str], ...]
    command: str


def provenance(evidence: Evidence) -> Provenance:
    corpus = evidence.corpus
    quarantine = corpus.get("quarantine") or {}
    rules = sorted((quarantine.get("rules") or {}).items())
    return Provenance(
        facts=(
            _certificates(evidence),
            _search(evidence),
            _machine(evidence.meta),
            _versions(evidence.meta),
        ),
        roles=tuple(_role(name, row) for name in ROLES if (row := (corpus.get("roles") or {}).get(name))),
        shares=_shares(evidence),
        quarantined=text.count(number(quarantine.get("total"))),
        rules=tuple((text.public(str(rule)), text.count(number(n))) for rule, n in rules),
        command=text.public(str(evidence.meta.get("command") or "")),
    )


def _certificates(evidence: Evidence) -> Facts:
    corpus = evidence.corpus
    return Facts(
        say("Certificates"),
        (
            (say("fingerprint"), text.plain(corpus.get("fingerprint"))),
            (say("format"), text.plain(corpus.get("format"))),
            (say("generated text"), text.plain(corpus.get("generated"))),
            (say("language"), text.plain(corpus.get("language"))),
            (say("certificates"), text.count(number(corpus.get("n_certificates")))),
            (say("codes that occur"), text.count(number(corpus.get("n_codes")))),
            (say("label set"), _label_set(evidence)),
            (say("codes by line"), text.plain(corpus.get("by_line"))),
            (say("outside all roles"), text.count(number(corpus.get("outside_roles")))),
            (say("code list"), _known(corpus, "code_list", "code")),
            (say("dictionaries"), _known(corpus, "dictionaries", "row")),
        ),
    )


def _label_set(evidence: Evidence) -> str:
    """How many codes the models can give: of the pick, else from the fewest to the most."""
    rows = [row for row in evidence.scorecards if row.get("kind") != "floor" and row["role"] != "validation"]
    mine = [row for row in rows if str(row["model"]) == evidence.picked]
    found = sorted({n for row in mine or rows if (n := number(row.get("n_labels"))) is not None})
    if not found:
        return text.DASH
    if len(found) == 1:
        return text.number_of(found[0], "code")
    return say("{least} to {most} codes", least=text.count(found[0]), most=text.count(found[-1]))


def _known(corpus: Row, key: str, unit: str) -> str:
    """A code list or dictionaries, by name, size and fingerprint."""
    given = corpus.get(key)
    if not given:
        return say("none") if corpus else text.DASH
    parts = [text.plain(given.get("names") or given.get("name")), text.number_of(given.get("n") or 0, unit)]
    if given.get("fingerprint"):
        parts.append(say("fingerprint {fingerprint}", fingerprint=text.plain(given["fingerprint"])))
    return ", ".join(part for part in parts if part != text.DASH)


def _search(evidence: Evidence) -> Facts:
    meta = evidence.meta
    objective = text.objective(text.plain(meta.get("objective")))
    return Facts(
        say("Search"),
        (
            (say("objective"), say("{objective} on validation", objective=objective)),
            (say("families"), text.plain(meta.get("families"))),
            (say("budget"), text.duration(number(meta.get("budget_seconds")))),
            (say("search took"), text.duration(number(meta.get("search_seconds")))),
            (say("run took"), text.duration(number(meta.get("wall_seconds")))),
            (say("trials"), text.count(len(evidence.trials))),
            (say("seeds"), _seeds(evidence)),
            (say("started"), text.moment(meta.get("started"))),
            (say("earlier readings of calibration"), _earlier(evidence)),
        ),
    )


def _seeds(evidence: Evidence) -> str:
    """The run's own seed first, then those that the finalists were fitted with again."""
    own = evidence.meta.get("seed")
    others = sorted({int(seed) for row in evidence.seeds if (seed := number(row.get("seed"))) is not None} - {own})
    return text.plain([own, *others]) if own is not None and others else text.plain(own)


def _earlier(evidence: Evidence) -> str:
    """How often these calibration years were certified on before, as the pick counted it, else as the run began."""
    counted = number((evidence.pick or {}).get("earlier_readings"))
    found = counted if counted is not None else number(evidence.meta.get("earlier_readings"))
    if not (evidence.corpus.get("roles") or {}).get("calibration"):
        return say("no calibration years")
    return text.DASH if found is None else text.count(found)


def _shares(evidence: Evidence) -> tuple[Share, ...]:
    """Of each family its share of the slots' time, and what its trials used of it; what one leaves passes on."""
    families = [str(name) for name in evidence.meta.get("families") or []]
    budget = number(evidence.meta.get("budget_seconds"))
    slots = {int(slot) for row in evidence.trials if (slot := number(row.get("slot"))) is not None}
    if not families or not slots or evidence.meta.get("kind"):  # a study shares by arm
        return ()
    used = dict.fromkeys(families, 0.0)
    for row in evidence.trials:
        used[str(row["family"])] = used.get(str(row["family"]), 0.0) + (number(row.get("slot_seconds")) or 0.0)
    trials = Counter(str(row["family"]) for row in evidence.trials)
    given = None if budget is None else budget * (max(slots) + 1) / len(families)
    return tuple(
        Share(
            family=name,
            given=text.duration(given),
            used=text.duration(used[name]),
            part=text.DASH if not given else text.share(used[name] / given),
            trials=text.count(trials[name]),
        )
        for name in families
    )


def _machine(meta: Row) -> Facts:
    hardware = meta.get("hardware") or {}
    memory = number(hardware.get("memory_gb"))
    gpus = hardware.get("gpus")
    return Facts(
        say("Machine"),
        (
            (say("processor"), text.plain(hardware.get("cpu"))),
            (say("cores"), text.plain(hardware.get("cores"))),
            (
                say("memory"),
                text.DASH if memory is None else f"{text.written(f'{memory:.4g}')}{text.SPACE}{say('GB')}",
            ),
            (say("GPUs"), say("none") if gpus in (0, [], None) else text.plain(gpus)),
        ),
    )


def _versions(meta: Row) -> Facts:
    libraries = sorted((meta.get("libraries") or {}).items())
    return Facts(
        say("Versions"),
        (
            ("harness", text.plain(meta.get("version"))),
            (say("commit"), text.plain(meta.get("commit"))),
            *((str(name), text.plain(version)) for name, version in libraries),
        ),
    )


def _role(name: str, row: Row) -> Role:
    n, repeated = number(row.get("n")), number(row.get("texts_in_train"))
    of = f" ({text.share(repeated / n)})" if repeated is not None and n else ""
    return Role(
        name=say(ROLES[name]),
        use=say(USES[name]),
        years=text.years(row.get("years") or []),
        n=text.count(n),
        lines=text.count(number(row.get("n_lines"))),
        distinct=text.count(number(row.get("distinct_texts"))),
        repeated=text.DASH if name == "train" else text.count(repeated) + of,
        without_codes=text.count(number(row.get("without_codes"))),
        key=name,
    )
