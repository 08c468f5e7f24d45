"""What swelld says about itself, on standard error: for people on a terminal, JSON elsewhere."""

import atexit
import contextlib
import logging
import queue
import sys
import threading
from typing import Final

WAITING: Final = 10_000
"""Messages that may wait for whoever reads standard error; what is said beyond is lost."""
LAST_SECONDS: Final = 2.0
"""How long the end of the process waits for them to be written."""


class _Aside(logging.Handler):
    """Hands lines to a thread: a terminal on hold, or a full pipe, must not hold up the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue(WAITING)
        threading.Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self._finish)

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(self.format(record))

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            with contextlib.suppress(OSError, ValueError):  # nobody is there any more
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
            self._lines.task_done()

    def _finish(self) -> None:
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, LAST_SECONDS)


def configure_plain(level: str) -> None:
    """One line a message, for commands that end by themselves: structlog takes a fifth of a second to import."""
    logging.basicConfig(level=level.upper(), format="%(levelname)s %(message)s", stream=sys.stderr, force=True)


def configure(level: str, style: str) -> None:
    """`style` is auto, console or json; standard library loggers and structlog come out alike."""
    import structlog

    plain = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if plain else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
    aside = _Aside()
    aside.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [aside]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(max(root.level, logging.WARNING))  # it speaks of itself
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
