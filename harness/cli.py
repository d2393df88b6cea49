"""The command line: parse, call, print."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import __version__
from harness.errors import HarnessError, PartlyDone, place

if TYPE_CHECKING:
    from harness.production.predict import Queue
    from harness.run.folder import RunFolder

CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="harness")
def harness() -> None:
    """Choose, prove and ship the model that codes causes of death."""


@harness.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Every family, one tiny trial, the whole pipeline: about two minutes.")
@click.option("--ray", "address", metavar="ADDRESS", help="Join this Ray cluster instead of starting one here.")
def search(config: Path, smoke: bool, address: str | None) -> None:
    """Search the models of CONFIG and make a run with its leaderboard."""
    from harness.experiment.start import start

    _announce(lambda: start(config, _say, small=smoke, address=address))


@harness.command()
@click.argument("run")
@click.option("--ray", "address", metavar="ADDRESS", help="Join this Ray cluster instead of starting one here.")
def resume(run: str, address: str | None) -> None:
    """Go on with a RUN that was interrupted or killed."""
    from harness.experiment.start import resume as go_on

    _announce(lambda: go_on(run, _say, address=address))


@harness.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    help="The file to write; of one RUN its own page, of several leaderboards/merged.html if left out.",
)
@click.option("--language", default="en", show_default=True, help="The language of the page: en or fr.")
def leaderboard(runs: tuple[str, ...], out: Path | None, language: str) -> None:
    """Make the page of RUN again from its rows, or one page of several runs; studies are shown beside them."""
    from harness.leaderboard.command import make_pages

    for page in make_pages(runs, out, language):
        click.echo(page)


@harness.command()
@click.argument("run")
def pick(run: str) -> None:
    """Pick the model of RUN again from its rows, and say why."""
    from harness.experiment.picking import make_pick
    from harness.run.folder import open_run
    from harness.run.study import not_a_study

    folder = not_a_study(open_run(run), "pick")
    _explain(folder, make_pick(folder))


@harness.command()
@click.argument("run")
@click.option(
    "-o", "--output", "out", required=True, type=click.Path(path_type=Path), help="The folder of the new run."
)
@click.option(
    "--by", type=int, metavar="N", help="Years to move on by; the most that keep a calibration year if left out."
)
@click.option("--ray", "address", metavar="ADDRESS", help="Join this Ray cluster instead of starting one here.")
def refit(run: str, out: Path, by: int | None, address: str | None) -> None:
    """Fit the pick of RUN on the newest years and certify it afresh: the run whose bundle to deploy."""
    from harness.experiment.start import roll
    from harness.run.folder import open_run
    from harness.run.study import not_a_study

    not_a_study(open_run(run), "refit")
    _announce(lambda: roll(run, out, by, _say, address=address))


@harness.command()
@click.argument("run")
@click.option("--model", metavar="ID", help="Another finalist than the pick.")
@click.option("--ray", "address", metavar="ADDRESS", help="Join this Ray cluster instead of starting one here.")
def backtest(run: str, model: str | None, address: str | None) -> None:
    """Ask of past years what would have been promised for the pick of RUN, and whether the next year kept it."""
    from harness.experiment.backtest import described
    from harness.experiment.start import backtest as test

    folder, rows = test(run, model, _say, address=address)
    for row in rows:
        click.echo(described(row))
    click.echo(f"page: {os.path.relpath(folder.page)}")


@harness.command()
@click.argument("run")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--model", metavar="ID", help="Another finalist than the pick.")
def export(run: str, out: Path, model: str | None) -> None:
    """Write the picked model of RUN as a bundle into the folder OUT."""
    from harness.config import load_config
    from harness.experiment.export import export as write
    from harness.experiment.start import code_list_of
    from harness.run.folder import open_run
    from harness.run.study import not_a_study

    folder = not_a_study(open_run(run), "export")
    name = write(folder, load_config(folder.config), code_list_of(folder), model, out)
    click.echo(f"{name} of {folder.name}: {out}")


@harness.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("-o", "--output", "out", required=True, type=click.Path(path_type=Path), help="The CSV file to write.")
@click.option("--queue", type=click.Choice(["doubtful", "random"]), help="Also write the order of the persons' work.")
def predict(bundle: Path, files: tuple[Path, ...], out: Path, queue: Queue | None) -> None:
    """Code the certificates of FILE... with BUNDLE: codes, confidence, decision and its reason."""
    from harness.families.runtime import settle

    settle(threads=len(os.sched_getaffinity(0)))
    from harness.production.bundle import load
    from harness.production.predict import predict_files

    predict_files(load(bundle), files, out, _say, queue=queue)


@harness.group()
def audit() -> None:
    """Have a second coder check what was coded: does the promise hold, and has coding practice changed?"""


@audit.command("sample")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", required=True, type=click.Path(path_type=Path), help="The CSV file to write.")
@click.option("-n", "n", type=int, default=300, show_default=True, help="Certificates of the simple random sample.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws other certificates.")
@click.option(
    "--holders",
    type=int,
    default=20,
    show_default=True,
    help="Certificates to draw for the words of each watched code, those of the simple sample included.",
)
@click.option(
    "--most",
    type=int,
    help="Certificates to draw for words at most, beside the simple sample, for the codes with the most holders first; "
    "by default as many as -n.",
)
def audit_sample(predictions: Path, out: Path, n: int, seed: int, holders: int, most: int | None) -> None:
    """Draw certificates of PREDICTIONS, which harness predict wrote, for a second coder who sees no prediction."""
    from harness.production.audit_sample import sample_file

    sample_file(predictions, out, n, _say, seed=seed, holders=holders, most=most)


@audit.command("report")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "out", type=click.Path(path_type=Path), help="Also write all numbers to this file.")
@click.option("--year", type=int, help="Year of death; by default the one after the newest that BUNDLE knows.")
@click.option(
    "--looks",
    type=int,
    default=1,
    show_default=True,
    help="How often this season's practice is looked at; fixed before the first look.",
)
def audit_report(bundle: Path, file: Path, out: Path | None, year: int | None, looks: int) -> None:
    """Say what the second coder's codes in FILE show of BUNDLE's promise, of its codes and of coding practice."""
    from harness.production.audit_report import report_file

    report_file(bundle, file, click.echo, out=out, year=year, looks=looks)


@harness.group()
def study() -> None:
    """Ask the certificates a question about models, instead of picking one."""


@study.command("transfer")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Every arm, one tiny trial, two training sizes: some minutes.")
@click.option("--ray", "address", metavar="ADDRESS", help="Join this Ray cluster instead of starting one here.")
def study_transfer(config: Path, smoke: bool, address: str | None) -> None:
    """Measure what pretraining and adaptation gain on the certificates of CONFIG, and at which training sizes."""
    from harness.experiment.start import start_study
    from harness.run.study import TRANSFER

    _announce(lambda: start_study(config, TRANSFER, _say, small=smoke, address=address))


@study.command("normalise")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--smoke", is_flag=True, help="Every arm, one tiny trial, two folds: some minutes.")
@click.option("--ray", "address", metavar="ADDRESS", help="Join this Ray cluster instead of starting one here.")
def study_normalise(config: Path, smoke: bool, address: str | None) -> None:
    """Measure what the experts' standard wording adds: written beside the codes, or read by other models in its place."""
    from harness.experiment.start import start_study
    from harness.run.study import NORMALISATION

    _announce(lambda: start_study(config, NORMALISATION, _say, small=smoke, address=address))


@harness.group()
def corpus() -> None:
    """Look at certificates, or generate them."""


@corpus.command("check")
@click.argument("config", type=click.Path(path_type=Path))
def corpus_check(config: Path) -> None:
    """Read the certificates of CONFIG and say what was found; nothing is kept."""
    import tempfile

    from harness.config import load_config
    from harness.experiment.check import check
    from harness.experiment.reading import read

    checked = check(load_config(config), config.resolve().parent)
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        row = read(checked, Path(folder), click.echo).row
    click.echo(
        f"{row['n_certificates']:,} certificates, {row['n_codes']:,} codes, {'by line' if row['by_line'] else 'by certificate'}"
    )
    click.echo(f"{row['outside_roles']:,} have no role, {row['quarantine']['total']:,} rows were left out")
    if row["quarantine"]["dictionary_rows"]:
        click.echo(f"{row['quarantine']['dictionary_rows']:,} rows of dictionaries were left out")


@corpus.command("generate")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", required=True, type=click.Path(path_type=Path), help="The folder to write.")
def corpus_generate(config: Path, out: Path) -> None:
    """Write the generated certificates of CONFIG (format synthetic) as files: certificates.csv and codes.csv."""
    from harness.config import load_config
    from harness.corpus.synthetic import generate, write_lines
    from harness.errors import ConfigError

    found = load_config(config).corpus
    if found.format != "synthetic":
        raise ConfigError(
            f"corpus.format must be synthetic to generate certificates, but got {found.format!r} ({config.name})"
        )
    for path in write_lines(generate(found.synthetic), out):
        click.echo(path)


def _announce(work: Callable[[], tuple[RunFolder, dict[str, Any]]]) -> None:
    """Print the pick of a run, or the findings of a study, and the page; and what is missing after them."""
    from harness.run.study import is_study

    run, found = work()
    if is_study(run):
        for finding in found["findings"]:
            click.echo(finding)
    else:
        _explain(run, found)
    click.echo(f"page: {os.path.relpath(run.page)}")
    if found["missing"]:
        raise PartlyDone("; ".join(found["missing"]))


def _explain(run: RunFolder, found: dict[str, Any]) -> None:
    from harness.experiment.picking import notes

    click.echo(f"pick: {found['model'] or 'none'}")
    for reason in found["reasons"]:
        click.echo(f"  {reason}")
    for warning in (*found["warnings"], *notes(run, found)):
        click.echo(f"  note: {warning}")


def _say(line: str) -> None:
    click.echo(line, err=True)


def main() -> None:
    """Run the command; what a user can cause is one line on stderr and exit code 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        harness.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except HarnessError as error:
        click.echo(f"harness: {error}", err=True)
        sys.exit(2)
    except PartlyDone as error:
        click.echo(f"harness: done in part: {error}", err=True)
        sys.exit(3)
    except (KeyboardInterrupt, click.Abort):
        click.echo("harness: interrupted", err=True)
        sys.exit(130)
    except Exception as error:
        if os.environ.get("HARNESS_DEBUG"):
            raise
        click.echo(
            f"harness: a defect of harness: {place(error)} (HARNESS_DEBUG=1 shows all, which may quote certificates)",
            err=True,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
