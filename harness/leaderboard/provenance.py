"""How the run was made, and what its scores mean."""

from __future__ import annotations

from dataclasses import dataclass

from harness.files import Row
from harness.leaderboard import text
from harness.leaderboard.rows import Evidence, number

ROLES = {"train": "train", "validation": "validation", "calibration": "calibration", "heldout": "held-out"}
USES = {
    "train": "fitting",
    "validation": "every choice",
    "calibration": "one reading, to certify",
    "heldout": "scored once, after the pick",
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


@dataclass(frozen=True, slots=True)
class Provenance:
    facts: tuple[Facts, ...]
    roles: tuple[Role, ...]
    quarantined: str
    rules: tuple[tuple[str, str], ...]
    command: str


@dataclass(frozen=True, slots=True)
class Term:
    name: str
    better: str
    meaning: str


GLOSSARY = (
    Term(
        "micro-F1",
        "higher",
        "F1 over all (certificate, code) pairs together; a code that the model cannot give is a miss.",
    ),
    Term("exact match", "higher", "Share of certificates whose predicted set of codes equals the experts' set."),
    Term(
        "macro-F1",
        "higher",
        "Mean F1 of the codes that occur in the reference; rare codes weigh as much as frequent ones.",
    ),
    Term(
        "coverage",
        "higher",
        "Share of certificates coded without a person: those whose confidence reaches the threshold.",
    ),
    Term(
        "selective risk",
        "lower",
        "Share of wrong certificates (not an exact match) among those coded without a person.",
    ),
    Term(
        "promised coverage",
        "higher",
        "Coverage on the calibration years at the certified threshold: the automation for which the promise holds.",
    ),
    Term(
        f"oracle coverage at 2{text.SPACE}%",
        "higher",
        "Largest coverage at an empirical risk of 2 %, threshold chosen in hindsight on these very certificates: a bound, "
        "no promise.",
    ),
    Term("AURC", "lower", "Area under the risk–coverage curve: the mean risk over all coverages."),
    Term(
        "AUGRC",
        "lower",
        "Area under the generalised risk–coverage curve: the mean share of all certificates that are wrong and automatic.",
    ),
    Term(
        "ensemble",
        "",
        "The weighted mean of the scores of up to five trials; its members and weights were chosen on validation, before "
        "anything was certified.",
    ),
    Term(
        "floor",
        "",
        "A trivial row that every model must beat: no code, the most frequent codes, exact repeats of old texts.",
    ),
    Term(
        "precision, recall",
        "higher",
        "Share of the predicted pairs that are true, and of the true pairs that are predicted.",
    ),
    Term("samples-F1", "higher", "Mean F1 of the certificates; an empty reference met by an empty prediction has 1."),
    Term(
        "Hamming loss",
        "lower",
        "Share of all (certificate, code) pairs that are wrong; small wherever there are many codes.",
    ),
    Term(
        "AP",
        "higher",
        "Micro-averaged average precision: the precision at each recall, over all pairs ranked by their scores.",
    ),
    Term(
        "P@k",
        "higher",
        "Precision at k: the share of true codes among a certificate’s k highest scores, over certificates with a code. "
        "Where they have fewer than k codes, 1 is out of reach.",
    ),
    Term(
        "LRAP",
        "higher",
        "Label-ranking average precision: for each true code, the share of true codes among all that are ranked as high.",
    ),
    Term(
        "categories, chapters",
        "",
        "Codes put together by their first three characters, and by the chapters of WHO’s ICD-10; a certificate has one "
        "if it has any code of it. A code of another kind stands for itself.",
    ),
    Term(
        "frequency of a code",
        "",
        "The number of certificates with the code in the fit behind the row: train, or train and validation after a refit.",
    ),
    Term("Brier", "lower", "Mean squared difference of the confidence and whether the whole set of codes is right."),
    Term(
        "ECE",
        "lower",
        "Expected calibration error: how far the confidence is from the share that is right, on the mean of 15 groups of "
        "like confidence.",
    ),
    Term(
        "CLEF’s measure",
        "higher",
        "Precision, recall and F1 over (document, line, code) triples, as CLEF eHealth 2016–2018 scored the aligned form "
        "of its certificates; external causes are V01–Y98.",
    ),
    Term("labels", "", "Codes that the model can give: those it was fitted on, and those its code list adds."),
)

# Where a model writes.
WORDING_TERMS = (
    Term(
        "lines in standard wording",
        "",
        "What a model that writes made of each line, held against the experts’ wording of its codes in order (else the codes’ "
        "titles); case, accents and punctuation do not count. Exact match: share of lines that are the same. An ensemble "
        "writes what its heaviest member that writes does.",
    ),
    Term(
        "CER",
        "lower",
        "Character error rate: inserted, deleted and replaced characters (Levenshtein 1966) over the characters of the "
        "experts’ wording, all lines together.",
    ),
    Term(
        "chrF",
        "higher",
        "F-score, recall weighing twice, of the n-grams of one to six characters, from 0 to 100 (Popović 2015; sacreBLEU, Post 2018).",
    ),
    Term(
        "code F1",
        "higher",
        "F1 over the (line, code) pairs that the written text alone leads to: each term stands for the code that it most often "
        "has in training lines and the code list.",
    ),
)


def provenance(evidence: Evidence) -> Provenance:
    corpus = evidence.corpus
    quarantine = corpus.get("quarantine") or {}
    rules = sorted((quarantine.get("rules") or {}).items())
    return Provenance(
        facts=(_certificates(corpus), _search(evidence), _machine(evidence.meta), _versions(evidence.meta)),
        roles=tuple(_role(name, row) for name in ROLES if (row := (corpus.get("roles") or {}).get(name))),
        quarantined=text.count(number(quarantine.get("total"))),
        rules=tuple((text.public(str(rule)), text.count(number(n))) for rule, n in rules),
        command=text.public(str(evidence.meta.get("command") or "")),
    )


def _certificates(corpus: Row) -> Facts:
    return Facts(
        "Certificates",
        (
            ("fingerprint", text.plain(corpus.get("fingerprint"))),
            ("format", text.plain(corpus.get("format"))),
            ("generated text", text.plain(corpus.get("generated"))),
            ("language", text.plain(corpus.get("language"))),
            ("certificates", text.count(number(corpus.get("n_certificates")))),
            ("codes that occur", text.count(number(corpus.get("n_codes")))),
            ("codes by line", text.plain(corpus.get("by_line"))),
            ("outside all roles", text.count(number(corpus.get("outside_roles")))),
            ("code list", _known(corpus, "code_list", "code")),
            ("dictionaries", _known(corpus, "dictionaries", "row")),
        ),
    )


def _known(corpus: Row, key: str, unit: str) -> str:
    """A code list or dictionaries, by name, size and fingerprint."""
    given = corpus.get(key)
    if not given:
        return "none" if corpus else text.DASH
    parts = [text.plain(given.get("names") or given.get("name")), text.number_of(given.get("n") or 0, unit)]
    if given.get("fingerprint"):
        parts.append(f"fingerprint {text.plain(given['fingerprint'])}")
    return ", ".join(part for part in parts if part != text.DASH)


def _search(evidence: Evidence) -> Facts:
    meta = evidence.meta
    return Facts(
        "Search",
        (
            ("objective", f"{text.objective(text.plain(meta.get('objective')))} on validation"),
            ("families", text.plain(meta.get("families"))),
            ("budget", text.duration(number(meta.get("budget_seconds")))),
            ("search took", text.duration(number(meta.get("search_seconds")))),
            ("run took", text.duration(number(meta.get("wall_seconds")))),
            ("trials", text.count(len(evidence.trials))),
            ("seed", text.plain(meta.get("seed"))),
            ("started", text.moment(meta.get("started"))),
        ),
    )


def _machine(meta: Row) -> Facts:
    hardware = meta.get("hardware") or {}
    memory = number(hardware.get("memory_gb"))
    gpus = hardware.get("gpus")
    return Facts(
        "Machine",
        (
            ("processor", text.plain(hardware.get("cpu"))),
            ("cores", text.plain(hardware.get("cores"))),
            ("memory", text.DASH if memory is None else f"{memory:.4g}{text.SPACE}GB"),
            ("GPUs", "none" if gpus in (0, [], None) else text.plain(gpus)),
        ),
    )


def _versions(meta: Row) -> Facts:
    libraries = sorted((meta.get("libraries") or {}).items())
    return Facts(
        "Versions",
        (
            ("harness", text.plain(meta.get("version"))),
            ("commit", text.plain(meta.get("commit"))),
            *((str(name), text.plain(version)) for name, version in libraries),
        ),
    )


def _role(name: str, row: Row) -> Role:
    n, repeated = number(row.get("n")), number(row.get("texts_in_train"))
    of = f" ({text.share(repeated / n)})" if repeated is not None and n else ""
    return Role(
        name=ROLES[name],
        use=USES[name],
        years=text.years(row.get("years") or []),
        n=text.count(n),
        lines=text.count(number(row.get("n_lines"))),
        distinct=text.count(number(row.get("distinct_texts"))),
        repeated=text.DASH if name == "train" else text.count(repeated) + of,
        without_codes=text.count(number(row.get("without_codes"))),
    )
