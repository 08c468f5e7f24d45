"""The flags of `swelld run` that say what is asked, as raw settings."""

from typing import Any

from swelld.app.flag_values import SCENARIO, FlagError, Flags, Put


def put_prompts(flags: Flags, put: Put) -> None:
    """What is asked: a trace, sessions, a file, or what `--prompts` and the lengths say."""
    at = ("scenarios", SCENARIO, "prompts")
    if flags.trace is not None:
        put((*at, "kind"), "trace", "--trace")
        put((*at, "file"), str(flags.trace), "--trace")
        return
    if flags.turns is not None:
        _put_sessions(flags, put)
        return
    if flags.dataset is not None:
        from swelld.prompts.detect import source_for_file

        try:
            source = source_for_file(flags.dataset)
        except (ValueError, OSError) as error:
            raise FlagError(f"--dataset: {error}") from None
        for name, value in (source.model_dump(exclude_defaults=True) | {"kind": source.kind}).items():
            put((*at, name), str(value), "--dataset")
        return
    once_through = flags.mode == "sequential" or flags.iterations is not None
    if flags.prompts is None and once_through and flags.num_prompts is None and flags.duration is None:
        put((*at, "kind"), "suite", "--mode")
        return
    put((*at, "kind"), flags.prompts, "--prompts")
    if flags.prompts not in (None, "synthetic"):
        return
    put((*at, "kind"), "synthetic", "--prompts")
    put((*at, "input_tokens"), flags.input_len, "--input-len")
    put((*at, "output_tokens"), flags.output_len or flags.max_tokens, "--output-len")


def _put_sessions(flags: Flags, put: Put) -> None:
    """Made-up ones, or those of a file up to so many turns."""
    at = ("scenarios", SCENARIO, "prompts")
    if flags.dataset is not None:
        put((*at, "kind"), "dialogues", "--dataset")
        put((*at, "file"), str(flags.dataset), "--dataset")
        put((*at, "max_turns"), flags.turns, "--turns")
        return
    put((*at, "kind"), "sessions", "--turns")
    put((*at, "turns"), _turns(flags.turns), "--turns")
    put((*at, "input_tokens"), flags.input_len, "--input-len")
    put((*at, "output_tokens"), flags.output_len or flags.max_tokens, "--output-len")


def _turns(text: str | None) -> Any:
    """A number, or every one from 2 to 8 equally often of `2..8`."""
    low, dots, high = (text or "").partition("..")
    return {"kind": "uniform", "min": low, "max": high} if dots else text
