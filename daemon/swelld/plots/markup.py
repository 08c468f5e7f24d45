"""HTML and SVG put together from elements: text in it is always text, whatever it holds."""

from html import escape


class Markup(str):
    """Text that is markup already; only `element` and `joined` make it."""

    __slots__ = ()


def element(tag: str, /, *children: str | None, **attributes: str | float | None) -> Markup:
    """An element; children that are no Markup are escaped. `class_` and `stroke_width` become names with a hyphen."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_written(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = joined(*children)
    if not inner and tag in _EMPTY:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{inner}</{tag}>")


def joined(*children: str | None) -> Markup:
    """Children one after another; None is nothing."""
    return Markup("".join(c if isinstance(c, Markup) else escape(_plain(c), quote=False) for c in children if c))


def _written(value: str | float) -> str:
    return _plain(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def _plain(text: str) -> str:
    """Without control characters, which neither HTML nor XML may hold."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


_EMPTY = frozenset({"meta", "br", "hr", "line", "polyline", "path", "circle", "rect"})
