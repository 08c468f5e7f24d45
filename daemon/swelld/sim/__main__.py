"""`python -m swelld.sim`: a simulated server with a flag for every option."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec

from swelld.sim.options import SimOptions
from swelld.sim.server import run


def main(arguments: Sequence[str] | None = None, program: str = "python -m swelld.sim") -> int:
    """Serve until stopped; prints the URL on a line of its own when ready."""
    parser = _parser(program)
    given = vars(parser.parse_args(arguments))
    until_stdin_closes = given.pop("until_stdin_closes")
    try:
        options = _options(given)
    except ValueError as error:  # msgspec's errors are among them
        parser.error(str(error))
    try:
        run(options, lambda url: print(url, flush=True), until_stdin_closes)
    except OSError as error:
        parser.exit(1, f"cannot listen: {error}\n")
    return 0


def _options(given: dict[str, str | None]) -> SimOptions:
    values: dict[str, Any] = _json("options", given.pop("options") or "{}")
    values |= {name: value for name, value in given.items() if value is not None}
    if isinstance(values.get("faults"), str):
        values["faults"] = _json("faults", values["faults"])
    return msgspec.convert(values, SimOptions, strict=False).verified()


def _json(flag: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"--{flag} takes a JSON object: {error}") from None


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="A simulated LLM server.")
    parser.add_argument("--options", help="all options as one JSON object; flags go over it")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    hints = get_type_hints(SimOptions, include_extras=True)
    for field in msgspec.structs.fields(SimOptions):
        text = hints[field.name].__metadata__[0].description
        default = "" if field.default in (None, msgspec.NODEFAULT) else f" (default {field.default})"
        parser.add_argument(f"--{field.name.replace('_', '-')}", metavar="VALUE", help=f"{text}{default}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
