"""The report on a run, as a stream of Markdown: written by a model and checked, or by rules."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Final

from swelld.adapters.base import Kind
from swelld.checks.repetition import LONGEST_UNIT, REPEATS, loops
from swelld.insight import rules
from swelld.insight.composing import Composer, plain
from swelld.insight.facts import facts
from swelld.insight.model import Model, ModelError, answer
from swelld.insight.phrases import SECTIONS, Language
from swelld.insight.prompt import data, prompt
from swelld.insight.quotes import Checker
from swelld.insight.thinking import Spoken
from swelld.prompt import Prompt
from swelld.result import Result

EXAMPLES: Final = 20
"""Numbers that are listed as not in the data."""
LOOP: Final = LONGEST_UNIT * REPEATS
"""Characters of an answer in which a loop is looked for."""


async def analyze(result: Result, model: Model | None = None, language: str = "en") -> AsyncGenerator[str, None]:
    """Pieces of one Markdown document, each ending with a line; it is whole whatever the model does.

    ValueError for an unknown language or an impossible address of the model, before the first piece.
    """
    words = Language(language)
    if model is not None:
        model.address()
    by_rules = rules.sections(result, words)
    yield f"# {words.say('title', run=result.run.id)}\n\n"
    if model is None:
        yield f"*{words.say('by_rules')}*\n"
        for key in SECTIONS:
            yield f"\n## {words.say(key)}\n\n{by_rules[key]}\n"
        return
    async with aclosing(_by_model(result, model, words, by_rules)) as pieces:
        async for piece in pieces:
            yield piece


async def _by_model(
    result: Result, model: Model, words: Language, by_rules: Mapping[str, str]
) -> AsyncGenerator[str, None]:
    checker = checker_of(result, words, model.name)
    composer = Composer(words, by_rules, checker)
    said, why, begun = plain(model.name), words.say("nothing"), False
    try:
        async with aclosing(_lines(result, model, words)) as lines:
            async for line in lines:
                for written in composer.take(line):
                    yield f"{written}\n" if begun else f"*{words.say('by_model', model=said)}*\n{written}\n"
                    begun = True
        broken = not begun
    except ModelError as error:
        why, broken = plain(str(error)), True
    if broken:
        note = words.say("broke_off" if begun else "failed", model=said, why=why)
        yield f"\n> {note}\n" if begun else f"> {note}\n"
    for written in composer.close(noted=not begun):
        yield f"{written}\n"
    if begun:
        yield "\n".join(["", f"## {words.say('numbers')}", "", *_tally(checker, words), ""])


def checker_of(result: Result, language: Language, model: str = "") -> Checker:
    """Knows every number of a result, also rounded as the model is shown it."""
    run = result.run
    names = {run.id, run.scenario, run.swelld_version, model, run.started, run.finished, run.started[:10]}
    names |= {run.finished[:10], *(gpu.name for gpu in (result.gpu.gpus if result.gpu else ()))}
    for stage in result.stages:
        names |= {stage.stage, stage.target, stage.model}
    checker = Checker(facts(result), names, language.say("mark"))
    checker.learn(data(result))
    return checker


async def _lines(result: Result, model: Model, language: Language) -> AsyncGenerator[str, None]:
    """The answer's lines without its reasoning; what there is of it, then ModelError if it is not whole."""
    spoken, rest, failure = Spoken(), "", None
    try:
        async with aclosing(_pieces(model, prompt(result, language, model.max_tokens), spoken)) as pieces:
            async for text in pieces:
                *lines, rest = (rest + text).split("\n")
                for line in lines:
                    yield line
    except ModelError as error:
        failure = error
    for line in (rest + spoken.close(whole=failure is None)).split("\n"):
        yield line
    if failure is not None:
        raise failure


async def _pieces(model: Model, asked: Prompt, spoken: Spoken) -> AsyncGenerator[str, None]:
    """What is answer for certain, until it ends or says the same over and over."""
    recent = ""
    async with aclosing(answer(model, asked)) as deltas:
        async for delta in deltas:
            if delta.kind is Kind.REASONING:
                spoken.sure()
            elif delta.kind is Kind.CONTENT:
                text = spoken.feed(delta.text)
                yield text
                recent = (recent + delta.text)[-LOOP:]
                if loops(recent):
                    raise ModelError("it says the same over and over")


def _tally(checker: Checker, language: Language) -> Iterator[str]:
    total, missing = checker.total, len(checker.missing)
    if not total:
        yield language.say("tally_none")
        return
    examples = ", ".join(f"`{one}`" for one in list(dict.fromkeys(checker.missing))[:EXAMPLES])
    key = "tally_some" if missing else "tally_all"
    yield language.say(key, total=total, found=total - missing, missing=missing, examples=examples)
    yield ""
    yield language.say("caveat")
