"""Choose, prove and ship the model that codes causes of death."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("harness")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
