"""The command line: arguments only; what they do is in `swelld.app`."""

import signal


def main() -> None:
    """Entry point of the `swelld` command."""
    with _quiet_interrupt():
        import atexit
        import gc

        from swelld.cli.application import app
        from swelld.cli.streams import end_output, lost_output, open_streams, told_of_output
    atexit.register(gc.freeze)  # CPython's last collection trips over the types of msgspec, and dies of it
    open_streams()
    try:
        app()
    except OSError as error:
        if error is not lost_output():
            raise
        raise SystemExit(f"swelld: {told_of_output(error)}") from None
    finally:
        end_output()


class _quiet_interrupt:  # noqa: N801 - reads as the block it opens
    """Ctrl-C ends the process as it ends one that is no Python, without a traceback out of some import."""

    def __enter__(self) -> None:
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)
