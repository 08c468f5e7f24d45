"""Settings of the model that writes reports on runs."""

from typing import Annotated

from pydantic import AfterValidator, field_validator

from swelld.config import Config, PositiveDuration, Secret
from swelld.insight.model import Model
from swelld.insight.phrases import Language


def _language(code: str) -> str:
    Language(code)
    return code


class Analysis(Config):
    """Who writes reports on runs for the API; rules do where no model is named."""

    url: str | None = None
    """An OpenAI-compatible server, with or without /v1; best not one that is under test."""
    model: str = ""
    """The name of the model there."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    timeout: PositiveDuration = 600.0
    """Longest time for a report."""
    language: Annotated[str, AfterValidator(_language)] = "en"
    """Where the request asks for no other: `en`, `ko`, or with a model any."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: str | None) -> str | None:
        if url is not None:
            Model(url=url, name="").address()
        return url

    def writer(self) -> Model | None:
        """The model; None if there is none. ValueError if its key cannot be read."""
        if self.url is None:
            return None
        key = None if self.api_key is None else self.api_key.reveal()
        return Model(url=self.url, name=self.model, api_key=key, timeout=self.timeout)
