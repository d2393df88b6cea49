"""What a user can cause: every error here is printed as one line and ends the program with exit code 2."""

from __future__ import annotations

import traceback
from pathlib import Path

PACKAGE = Path(__file__).parent


class HarnessError(Exception):
    """The user's input is wrong; the message states rule, value, choices and place."""


class ConfigError(HarnessError):
    """A key of the configuration file is missing, unknown or out of range."""


class CorpusError(HarnessError):
    """Files cannot be read as certificates."""


class YearsError(HarnessError):
    """Certificates cannot be parted into the roles train, validation, calibration and held-out."""


class SpaceError(HarnessError):
    """A search space names what its family does not have, or an impossible range."""


class UnknownName(HarnessError):  # noqa: N818  (it is the name that is unknown)
    """A name that no registry knows."""


class RunError(HarnessError):
    """A run folder is missing, closed, locked or of another version."""


class BundleError(HarnessError):
    """A bundle is damaged or was written by another version."""


class PartlyDone(Exception):  # noqa: N818  (not an error: the work that could be done is done)
    """The run ended, but something that was asked for is missing; exit code 3."""


def place(error: BaseException) -> str:
    """An exception's type, and the last line of this package that it passed through.

    Never its message, which may quote a certificate.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [entry for entry in frames if Path(entry.filename).is_relative_to(PACKAGE)]
    where = own[-1] if own else frames[-1] if frames else None
    if where is None:
        return type(error).__name__
    path = Path(where.filename)
    name = path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE.parent) else Path(path.name)
    return f"{type(error).__name__} at {name}:{where.lineno}"
