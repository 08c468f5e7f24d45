"""What the web server shows, as the rest of the daemon hands it over."""

from typing import Any, Protocol


class Page(Protocol):
    """A rendered page of metrics."""

    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...


class Exposition(Protocol):
    """Renders /metrics for an Accept header, quickly: it is called in the hub's event loop."""

    def render(self, accept: str) -> Page: ...


class View(Protocol):
    """What the API shows; everything is ready for JSON and free of secrets."""

    def ready(self) -> bool:
        """Whether what the configuration asks for is running."""

    def config(self) -> dict[str, Any]:
        """The effective configuration."""

    def targets(self) -> list[dict[str, Any]]:
        """Every target, with at least its `name`."""

    def scenarios(self) -> list[dict[str, Any]]:
        """Every scenario, with at least its `name`, and its `state` if it has one."""

    def runs(self) -> list[dict[str, Any]]:
        """Every run that is remembered, with at least its `id`, `scenario` and `state`; the latest first."""

    def run(self, run_id: str) -> dict[str, Any] | None:
        """One run in full; None if it is not known."""
