"""Libraries that only those need who want pictures or spreadsheets: the extra `report`."""

from importlib.util import find_spec


class MissingLibrary(ValueError):
    """Something needs a library that is not installed; the message says how to get it."""


def require(package: str, what: str) -> None:
    """MissingLibrary where a package of the extra is not installed; `what` is as `plots need`."""
    if find_spec(package) is None:
        raise MissingLibrary(f"{what} the package {package}: pip install 'swelld[report]'")
