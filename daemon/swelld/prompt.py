"""One thing to ask: what prompt sources make and adapters encode."""

import msgspec


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt with what is known of its size.

    `max_tokens` is the asked-for length of the answer in tokens (None: the server's default);
    `input_tokens` is the count by the local tokenizer (None: not counted).
    """

    name: str
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    input_tokens: int | None = None
    category: str = ""

    def text(self) -> str:
        """The prompt for a wire format without roles: a lone turn as it is, a dialogue with its roles named."""
        if len(self.messages) == 1:
            return self.messages[0].content
        return "\n".join(f"{m.role}: {m.content}" for m in self.messages) + "\nassistant:"
