"""Turns of a session: a client that hands back what was answered, and what has been said so far."""

from swelld.engine.client import Client, Request, Ticket
from swelld.engine.exchange import Exchange
from swelld.prompt import Message, Prompt
from swelld.prompts.sessions import Session


class TurnTicket(Ticket, frozen=True, kw_only=True):
    """That of one turn."""

    turn: int
    """From 1."""
    turns: int
    """Of the session."""
    answers: list[str]
    """Where the answer is put, if there is a good one."""


class ConversingClient(Client):
    """Keeps the text of every answer for as long as its session lasts."""

    def _new_exchange(self, ticket: Ticket) -> Exchange:
        target = self._target
        return Exchange(self._adapter.decoder(), target.timeouts, target.max_response, keep_text=True)

    def _conclude(
        self, request: Request, ticket: Ticket, exchange: Exchange, connect: float | None, resends: int
    ) -> None:
        if isinstance(ticket, TurnTicket) and exchange.failure is None:
            ticket.answers.append(exchange.said())
        super()._conclude(request, ticket, exchange, connect, resends)

    def _record(self, request: Request, ticket: Ticket, **known: object) -> None:
        if isinstance(ticket, TurnTicket):
            known |= {"turn": ticket.turn, "turns": ticket.turns}
        super()._record(request, ticket, **known)


class Talk:
    """One session under way."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._turn = 0
        self._before: list[Message] = []
        self._answers: list[str] = []

    def prompt(self) -> Prompt:
        """What is asked in the present turn."""
        return self._session.prompt(self._turn, self._before)

    def ticket(self, stage: int, index: int, due: float | None = None, *, warmup: bool) -> TurnTicket:
        """That of the present turn."""
        return TurnTicket(
            stage=stage,
            index=index,
            warmup=warmup,
            due=due,
            turn=self._turn + 1,
            turns=len(self._session.said),
            answers=self._answers,
        )

    def goes_on(self) -> bool:
        """Go on to the next turn, once the present one is over; False if it was the last, or got no good answer."""
        if not self._answers:
            return False
        said = Message("user", self._session.said[self._turn])
        self._before += [said, Message("assistant", self._answers.pop())]
        self._turn += 1
        return self._turn < len(self._session.said)

    @property
    def pause(self) -> float | None:
        """Seconds that the user thinks before the present turn; None if that is left to the load."""
        return self._session.pauses[self._turn - 1] if self._session.pauses else None
