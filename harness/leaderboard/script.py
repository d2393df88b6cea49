"""What the page's script says: its words by their names, for the catalogues."""

from __future__ import annotations

from harness.leaderboard.language import N_

WORDS = {
    "shown": N_("{shown} of {rows} rows"),
    "empty": N_("No row matches."),
    "columns": N_("{shown} of {columns}"),
    "trial_trial": N_("trial"),
    "trial_family": N_("family"),
    "trial_status": N_("status"),
    "trial_score": N_("score"),
    "trial_seconds": N_("fit, s"),
    "trial_started": N_("started, s"),
    "trial_reason": N_("reason"),
    "trial_parameters": N_("parameters"),
    "yes": N_("yes"),
    "no": N_("no"),
    "unselected": N_("Select 2 to 4 models to compare them side by side; the figures then show the selected ones."),
    "too_few": N_(
        "{n} selected: select 2 to 4 models to compare them side by side; the figures show the selected ones."
    ),
    "too_many": N_("{n} selected: at most 4 models can be compared side by side; the figures show the selected ones."),
    "selected": N_("{n} selected; the figures show them."),
    "comparison": N_("{n} models side by side"),
    "differences": N_(
        "Signed numbers are differences from {model}. “best” marks the best of the models compared here."
    ),
    "measure": N_("measure"),
    "differing": N_("hyper-parameters that differ"),
    "points": N_("{points} points"),
    "best": N_("best"),
    "close": N_("Close"),
    "copied": N_("The link is copied."),
    "uncopied": N_("This browser does not let the page copy; the link stands here."),
    "undrawn": N_("This browser could not draw the figure; the numbers behind it stand below."),
    "unsaved": N_("This browser could not make the image."),
    "choice": N_("{label}: {option}"),
    "kept": N_("kept"),
    "undecided": N_("undecided"),
    "broken": N_("broken"),
    "unaudited": N_("not audited"),
    "slider_promised": N_("{model}, threshold {threshold}: the certified one, for which the promise is made."),
    "slider_marked": N_("{model}, threshold {threshold}: the threshold in its rows; nothing is promised yet."),
    "slider_below": N_("below {risk}"),
    "slider_above": N_("above {risk}"),
    "slider_open": N_("open: the interval contains {risk}"),
    "slider_moved": N_("{model}, threshold {threshold}: nothing is promised here."),
    "slider_nobody": N_("{model}: no certificate is automatic, every one goes to a person."),
    "slider_nothing": N_("nothing automatic"),
    "slider_value": N_("{coverage} coded without a person, risk {risk}"),
    "slider_value_promised": N_("promised threshold: {coverage} coded without a person, risk {risk}"),
    "B": N_("B"),
    "kB": N_("kB"),
    "MB": N_("MB"),
    "GB": N_("GB"),
}
