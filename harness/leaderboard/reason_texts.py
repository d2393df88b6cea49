"""Every sentence in which the experiment gives a reason, with a name in braces for what varies.

They are the texts of ``harness.decision``, ``harness.experiment``, ``harness.search`` and ``harness.metrics``, letter for
letter: the page finds a reason by them to say it in another language. What a name stands for is said in
:mod:`harness.leaderboard.reasons`.
"""

from __future__ import annotations

from harness.leaderboard.language import N_, Nn_

# Numbers of things inside a reason; the English words are those that the experiment writes.
THINGS = {
    "candidates": Nn_("{n} candidate", "{n} candidates"),
    "certificates": Nn_("{n} certificate", "{n} certificates"),
    "calibration": Nn_("{n} calibration certificate", "{n} calibration certificates"),
    "lines": Nn_("{n} calibration line", "{n} calibration lines"),
    "wrong": Nn_("{n} wrong one", "{n} wrong ones"),
    "automatic": Nn_("{n} automatic certificate", "{n} automatic certificates"),
}
# Why of two models in a tie one is picked.
HOW = (
    N_("is faster"),
    N_("is smaller"),
    N_("promises more"),
    N_("scores better on validation"),
    N_("comes first by name"),
)
# What is asked of a promise.
ASKED = (
    N_("{asked} with a design effect of {n} for clusters"),
    N_("{asked} and {n} units"),
    N_("{pct} by line at {pct2} for {candidates}"),
    N_("{pct} at {pct2} for {candidates}"),
)
# What a promise covers.
COVERED = (
    N_("{pct} of the calibration certificates and {pct2} of the calibration lines"),
    N_("{pct} of the calibration certificates and none of the calibration lines"),
    N_("none of the calibration certificates and {pct} of the calibration lines"),
    N_("{pct} of the calibration certificates"),
    N_("{pct} of the calibration lines"),
    N_("none of the calibration certificates"),
    N_("none of the calibration lines"),
    N_("{pct} and {pct2} of lines"),
    N_("{pct} and none of lines"),
    N_("none and {pct} of lines"),
    N_("{pct}"),
    N_("none"),
)

PROMISES = (
    N_("promised {asked}: of {calibration}, the {n} most confident that passed the gate hold {wrong}"),
    N_(
        "promised {asked}: of {lines}, the {n} most confident that passed the gate stand on {certificates}, and of one "
        "drawn from each {n2} is wrong"
    ),
    N_(
        "promised {asked}: of {lines}, the {n} most confident that passed the gate stand on {certificates}, and of one "
        "drawn from each {n2} are wrong"
    ),
    N_(
        "impossible: to promise {asked}, the first {certificates} (most confident first) may hold {wrong} at most, but "
        "hold {n}"
    ),
    N_(
        "impossible: to promise {asked}, the first {certificates} (most confident first), by one line drawn from each, "
        "may hold {wrong} at most, but hold {n}"
    ),
    N_("impossible: {certificates} passed the gate, and at least {n} are needed to promise {asked}"),
    N_("impossible: {certificates} with a line that passed the gate, and at least {n} are needed to promise {asked}"),
    N_("at validation's risk of {pct} among its most confident no number of certificates is enough"),
    N_("at validation's risk of {pct} among its most confident {n} would be enough, but the gate passes none"),
    N_("at validation's risk of {pct} among its most confident about {calibration} would be needed, and there are {n}"),
    N_("at validation's risk of {pct} among its most confident about {calibration} would do: calibration errs more"),
    N_("no promise: no threshold keeps {pct} on {calibration}"),
    N_(
        "no promise: of {calibration}, the {n} most confident hold {wrong}, which is {pct} at most there, and may be more "
        "on any others"
    ),
    N_("no promise: {name} was scored as held-out by {name2}, and the configuration was changed since"),
)

CHOICES = (
    N_("a working point is certified on calibration years, for the refitted model"),
    N_("a floor is scored and never picked"),
    N_("there are no calibration years"),
    N_("{n} others cover more of the validation year"),
    N_("its validation score {n} is below {n2} of the best's ({n3})"),
    N_("it codes whole certificates, and lines are promised"),
    N_("the model codes whole certificates, and lines are promised"),
    N_("it has no witness of another family, which the gate {name} has to ask"),
    N_("{model} is certified: {reason}"),
    N_("It promises to code {covered} without a person"),
    N_("It promises to code {covered} without a person, the most of the candidates ({others})"),
    N_(
        "It promises to code {covered} without a person; {model} promises {covered2}, but validation does not show that "
        "{model2} covers less, and {model3} {how}"
    ),
    N_("Its validation {measure} is {n}; the best of all is {n2} ({model})"),
    N_("It is the weighted mean of {weights}; that score is cross-fitted, in sample it is {n}"),
    N_(
        "{model} is the best on validation; there are no calibration years, so nothing is promised and every certificate "
        "goes to a person"
    ),
    N_(
        "{model} is the best on validation; no candidate could be certified, so nothing is promised and every certificate "
        "goes to a person"
    ),
    N_(
        "{model} is the best on validation; no candidate within the limits could be certified, so nothing is promised and "
        "every certificate goes to a person"
    ),
    N_("No model lies within the limits, so none is picked and every certificate goes to a person"),
    N_("in a tie with {model} on validation, but {model2} {how}"),
    N_(
        "it promises {covered}, and {model} {covered2}; on validation too it codes fewer without a person, by {n} points "
        "(95 % interval {n2} to {n3})"
    ),
    N_("it promises {covered}, and {model} {covered2}"),
    N_("its validation {measure} equals that of {model}, which comes first by name"),
    N_("its validation {measure} is {n}, below the {n2} of {model}"),
    N_("outside the limits: {limit}"),
    N_("not certified: {reason}"),
    N_("not certified"),
    N_("not shortlisted: {reason}"),
    N_("it could not be fitted again ({reason})"),
    N_("it could not predict calibration ({reason})"),
    N_("There are no held-out years: nothing confirms the pick"),
    N_("No promise: {name} was scored as held-out by {name2}, and the configuration was changed since"),
    N_("{n} rows could not be read and were left out"),
    N_("The speed of the pick was not measured, so automation.min_certificates_per_second could not be asked of it"),
    N_("{model} could not be asked as a witness ({reason})"),
    N_("{model} could not be fitted again ({reason})"),
    N_("{model} could not predict calibration ({reason})"),
    N_("{model} could not predict held-out years ({reason})"),
    N_("none, as search.ensemble is false"),
    N_("none, as there is no second trial to choose from"),
    N_("none, as the reference has no code"),
    N_("none, as no mean of trials scores better on validation than the best of them alone"),
    N_("none but the pick of {name}, which this run was rolled forward from"),
    N_("{weights}, chosen from {n} trials: {measure} {n2} cross-fitted, {n3} in sample"),
)
LIMITS = (
    N_("its models take {size}, more than the {size2} of automation.max_bytes"),
    N_("it codes {n} certificates per second, fewer than the {n2} of automation.min_certificates_per_second"),
)

TRIALS = (
    N_("ASHA: behind other trials of its family at step {n}"),
    N_("over the time limit of {n} s"),
    N_("over the memory limit of {n} GB (search.trial_memory)"),
    N_("the search was interrupted"),
    N_("the worker's process ended"),
    N_("{error}: the worker's process ended"),
    N_("the trial ended without a report"),
    N_("every choice of its space was tried"),
    N_("all {n} trials were begun (search.trials)"),
    N_("{n} trials failed and none ended well"),
    N_("its witness {name} could not"),
    N_("its witness {name}: {reason}"),
    N_("its member {name}: {reason}"),
)

SCORES = (
    N_("the reference has no code"),
    N_("no certificate has a code"),
    N_("the corpus has no codes by line"),
    N_("the model codes whole certificates, not lines"),
    N_("the confidence {name} is no probability"),
    N_("the codes are not ICD-10's: they have no categories and chapters"),
    N_("the model writes no standard text"),
    N_("there is no line"),
    N_("no reference has a character"),
    N_("no line has a code, and none is reached"),
    N_("no value, and no reason was recorded"),
    N_("not scored on held-out years"),
    N_("not scored on validation years"),
)
STUDIES = (
    N_("a back-test needs four years that follow one another"),
    N_("a column gives the roles, so that years do not part them"),
    N_("neither normalise nor joint has a finished trial"),
    N_("no finished trial"),
)

ALARMS = (
    N_("counts unsaid, as some are under {n}"),
    N_("the year is no later than calibration"),
    N_("{n} of the {n2} pairs of past years that an alarm takes"),
    N_("there is no past year to hold this one against"),
    N_("no certificate holds a watched code's own words"),
    N_("no code whose own words stand in these certificates had them in a past year"),
    N_("too few certificates hold a watched code's own words to tell a change from chance"),
)

TEXTS = (*PROMISES, *CHOICES, *LIMITS, *TRIALS, *SCORES, *STUDIES, *ALARMS)
# A failure names the model first, then why; too open a text to come before the others.
LAST = (N_("{model}: {reason}, but {limit}"), N_("{model}: {reason}"))
