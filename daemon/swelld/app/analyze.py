"""`swelld analyze`: the report on a run, printed as it is written."""

import asyncio
import json
import os
from pathlib import Path
from typing import Final

from swelld.app.flags import FlagError
from swelld.app.kept import load
from swelld.config import parse_duration
from swelld.insight.model import Model
from swelld.insight.report import analyze
from swelld.result import Result
from swelld.store.files import claim, replace
from swelld.store.results import check_output

DEFAULT_TIMEOUT: Final = "10m"


def run(
    name: str, model: Model | None, language: str, output: Path | None, config: Path | None, store: str | None
) -> None:
    """Print the report on a run, and write it to a file where one is named."""
    if output is not None:
        check_output(output)
    result = load(name, config, store).result
    text = asyncio.run(_print(result, model, language))
    if output is not None:
        free = claim(output)
        replace(free, text.encode())
        print(f"\nReport in {free}")


async def _print(result: Result, model: Model | None, language: str) -> str:
    pieces = []
    async for piece in analyze(result, model, language):
        print(piece, end="", flush=True)
        pieces.append(piece)
    return "".join(pieces)


def model_of(
    url: str | None,
    name: str | None,
    api_key_env: str | None,
    max_tokens: int | None,
    extra_body: str | None,
    timeout: str | None,
) -> Model | None:
    """The model that the flags name, None without any; FlagError says which flag is wrong."""
    if url is None:
        given = {"--model": name, "--api-key-env": api_key_env, "--max-tokens": max_tokens, "--extra-body": extra_body}
        useless = next((flag for flag, value in given.items() if value is not None), None)
        if useless:
            raise FlagError(f"{useless} is for a model: say where it is with --with URL, or leave {useless} out")
        return None
    if name is None:
        raise FlagError(f"--with {url}: say which model to use there with --model NAME")
    if api_key_env is not None and api_key_env not in os.environ:
        raise FlagError(f"--api-key-env {api_key_env}: this environment variable is not set")
    try:
        extra = json.loads(extra_body or "{}")
    except ValueError as error:
        raise FlagError(f"--extra-body {extra_body}: this is no JSON ({error})") from None
    if not isinstance(extra, dict):
        raise FlagError(f'--extra-body {extra_body}: write an object, e.g. {{"temperature": 0}}')
    api_key = os.environ[api_key_env].strip() if api_key_env else None
    seconds = float(parse_duration(timeout or DEFAULT_TIMEOUT))
    return Model(url=url, name=name, api_key=api_key, max_tokens=max_tokens, extra_body=extra, timeout=seconds)
