"""What targets take from each other: the numbers of it, and what the rules say of it."""

from collections.abc import Iterator, Mapping, Sequence

from swelld.analysis.compare import written
from swelld.analysis.contention import MATTERS, TOLD, matters
from swelld.analysis.measures import MEASURES
from swelld.insight.fact import Fact, Unit, growth, known
from swelld.insight.phrases import Language
from swelld.result import Contention, ContentionFigure


def contention_facts(found: Sequence[Contention]) -> Iterator[Fact]:
    """Every figure alone and together, and the loss."""
    if found:
        yield Fact("contention matters from", MATTERS, "share")
    for one in found:
        for name, figure in one.figures.items():
            place = f"contention {one.stage} {one.target} {name}"
            yield from known(((f"{place} alone", figure.alone), (f"{place} together", figure.together)), _unit(name))
            if MEASURES[name].kind != "share":  # a difference of shares is none
                losses = (("loss", figure.loss), ("low", figure.low), ("high", figure.high))
                yield from known(((f"{place} {end}", value) for end, value in losses), "share")
                yield from known(((f"{place} grew", growth(figure.alone, figure.together)),), "factor")


def contention_lines(found: Sequence[Contention], language: Language) -> Iterator[str]:
    """Of each target the level at which it loses most."""
    for target in dict.fromkeys(one.target for one in found):
        own = [one for one in found if one.target == target]
        worst = max(own, key=lambda one: max((figure.loss or 0.0 for figure in lost(one).values()), default=0.0))
        figures = lost(worst)
        if not figures:
            yield language.say("lost_nothing", target=target, share=f"{MATTERS:.0%}")
        for name, figure in figures.items():
            yield _sentence(worst, name, figure, language)
        if not worst.valid:
            yield language.say("lost_doubt", target=target, stage=worst.stage)


def lost(found: Contention) -> Mapping[str, ContentionFigure]:
    """The figures of which a target loses something for sure."""
    return {name: one for name in TOLD if (one := found.figures.get(name)) is not None and matters(one)}


def _sentence(found: Contention, name: str, one: ContentionFigure, language: Language) -> str:
    kind = MEASURES[name].kind
    return language.say(
        f"lost_{kind}",
        target=found.target,
        stage=found.stage,
        figure=language.figure(name) or TOLD[name],
        alone=written(kind, one.alone),
        together=written(kind, one.together),
        loss=f"{100 * (one.loss or 0.0):.1f}%",
    )


def _unit(name: str) -> Unit:
    kind = MEASURES[name].kind
    if kind == "rate":
        return "tokens/s" if "token" in name else "requests/s"
    return "share" if kind == "share" else "s"
