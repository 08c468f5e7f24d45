"""What the server answers to which path."""

import time
from collections.abc import Callable
from itertools import count

from swelld.sim.answer import HEADLESS, Answer
from swelld.sim.connection import Connection, Request
from swelld.sim.faults import answer as script_of
from swelld.sim.ledger import Ledger
from swelld.sim.metrics import render
from swelld.sim.options import SimOptions
from swelld.sim.plan import Plan, Refused, plan
from swelld.sim.scheduler import Scheduler
from swelld.sim.script import Ending, error_body, response
from swelld.sim.wheel import Wheel
from swelld.sim.wire import Chat, Completions, LlamaCpp, Wire, compact

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """Turns requests into answers on the wheel or in the batch."""

    def __init__(self, options: SimOptions, wheel: Wheel, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self._wheel = wheel
        self._scheduler = Scheduler(options, wheel, ledger) if options.mode == "realistic" else None
        self._numbers = count(1)
        self._started = int(time.time())
        self._wires: dict[str, type[Wire]] = {
            "/v1/chat/completions": Chat,
            "/v1/completions": Completions,
            "/completion": LlamaCpp,
        }
        self._pages: dict[str, tuple[str, Callable[[], bytes]]] = {
            "/v1/models": ("GET", self._models),
            "/health": ("GET", lambda: response(200, compact({"status": "ok"}))),
            "/metrics": ("GET", self._metrics),
            "/sim/truth": ("GET", lambda: response(200, compact(ledger.truth()))),
            "/sim/reset": ("POST", self._reset),
        }

    def respond(self, request: Request, connection: Connection) -> None:
        """Answer a request, now or by and by."""
        path = request.target.partition(b"?")[0].decode("latin-1")
        wire = self._wires.get(path)
        allowed, page = self._pages.get(path, ("POST", None))
        if wire is None and page is None:
            self._plain(connection, _error(404, f"no such path: {path}"))
        elif request.method != allowed:
            self._plain(connection, _error(405, f"{path} takes {allowed}", headers=f"allow: {allowed}\r\n"))
        elif wire:
            self._generate(request, connection, wire)
        elif page:
            self._plain(connection, page())

    def _generate(self, request: Request, connection: Connection, kind: type[Wire]) -> None:
        number = next(self._numbers)
        ledger = self.ledger
        ledger.tick("started")
        try:
            made = plan(request.body, request.sim, kind is Chat, self.options, number)
            self._check(made, request)
        except Refused as refused:
            ledger.tick("refused")
            ledger.tick(f"status:{refused.status}")
            self._plain(connection, _error(refused.status, str(refused)))
            return
        ledger.tick("prompt_tokens", made.prompt_tokens)
        if made.fault:
            ledger.tick(f"fault:{made.fault}")
        wire = kind(made, number, int(time.time()))
        answer = Answer(connection, made, script_of(made, wire, request.keep_alive), ledger, request.arrived)
        connection.answer = answer
        if self._scheduler and _computed(made):
            self._scheduler.submit(answer, wire, request.arrived)
            return
        due = answer.first_due()
        if due is not None:
            self._wheel.add(due, answer)

    def _check(self, made: Plan, request: Request) -> None:
        if made.stream and request.version == "1.0":
            raise Refused(505, "a stream needs HTTP/1.1")
        if self._scheduler and _computed(made):
            self._scheduler.check(made)

    def _plain(self, connection: Connection, whole: bytes) -> None:
        connection.send(whole)
        connection.done(Ending.KEEP)

    def _models(self) -> bytes:
        about = {"id": self.options.model, "object": "model", "created": self._started, "owned_by": "swelld-sim"}
        return response(200, compact({"object": "list", "data": [about]}))

    def _metrics(self) -> bytes:
        batch = self._scheduler.batch if self._scheduler else None
        return response(200, render(self.options, self.ledger, batch).encode(), _METRICS_TYPE)

    def _reset(self) -> bytes:
        self.ledger.reset()
        return response(200, b"{}")


def _computed(made: Plan) -> bool:
    """Whether the model has anything to do with it."""
    return made.fault != "status" and made.fault not in HEADLESS


def _error(status: int, reason: str, headers: str = "") -> bytes:
    return response(status, compact(error_body(status, reason)), headers=headers)
