"""`swelld export`: a run as a document."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from swelld.app.kept import Kept, load
from swelld.store.files import StoreError, replace
from swelld.store.results import check_output

if TYPE_CHECKING:
    from swelld.export.forms import Form

What = Literal["summary", "requests"]

_ON_TERMINAL = ("json", "csv", "md", "text")


def export(
    run: str, form: str | None, what: str, output: Path | None, config: Path | None, store: str | None, *, force: bool
) -> None:
    """Write the document to the file, or to standard output; ValueError or StoreError says why it cannot be."""
    chosen = _form(form, output)
    if what not in get_args(What):
        raise ValueError(f"--what {what}: use summary or requests")
    if what == "requests" and chosen not in ("csv", "json"):
        raise ValueError(
            f"--what requests: use --format csv or json; {chosen} has the requests beside the rest, or none"
        )
    if output is not None and str(output) != "-" and not force:
        _check_free(output)
    kept = load(run, config, store)
    document = _document(kept, chosen, what)
    to_terminal = str(output) == "-" or (output is None and chosen in _ON_TERMINAL)
    if to_terminal:
        sys.stdout.buffer.write(document)
        sys.stdout.buffer.flush()
        return
    place = output or Path(f"{kept.result.run.id}.{_suffix(chosen)}")
    if output is None and not force:
        _check_free(place)
    replace(place, document)
    print(f"Written to {place}")


def _check_free(path: Path) -> None:
    try:
        check_output(path)
    except StoreError as error:
        raise StoreError(f"{error}; --force replaces it" if path.is_file() else str(error)) from error


def _document(kept: Kept, form: "Form", what: str) -> bytes:
    from swelld.export.forms import export as render

    wanted = what == "requests" or form in ("xlsx", "html")
    requests = kept.requests() if wanted else None
    if what == "requests" and requests is None:
        raise ValueError(f"the single requests of run {kept.result.run.id} were not kept: {_WHY}")
    return render(kept.result, form, requests)


_WHY = "they lie in its results directory, as `requests.jsonl`, unless it was made with --no-save or by another machine"


def _form(form: str | None, output: Path | None) -> "Form":
    """As asked for, else by the ending of the file."""
    from swelld.export.forms import SUFFIXES, Form

    known: tuple[Form, ...] = get_args(Form)
    if form is None:
        suffix = output.suffix.removeprefix(".") if output is not None else ""
        found = [one for one in known if SUFFIXES[one] == suffix]
        if not found:
            raise ValueError(f"which format? use --format {', '.join(known)}, or a file whose name ends like that")
        return found[0]
    for one in known:
        if form == one:
            return one
    raise ValueError(f"--format {form}: use one of {', '.join(known)}")


def _suffix(form: "Form") -> str:
    from swelld.export.forms import SUFFIXES

    return SUFFIXES[form]
