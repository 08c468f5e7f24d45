"""Secrets: read where they are needed, never printed."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from swelld.config import Config, FieldError, Secret, nearest, suggest


class Holder(Config):
    """A model with a secret in it."""

    key: Secret | None = None


def test_a_plain_secret_is_revealed_but_never_shown() -> None:
    holder = Holder.model_validate({"key": "sk-hidden"})
    assert holder.key is not None
    assert holder.key.reveal() == "sk-hidden"
    assert "sk-hidden" not in repr(holder)
    assert holder.model_dump(mode="json") == {"key": "***"}


def test_a_secret_is_read_from_the_environment_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret.model_validate({"env": "SECRET_OF_THIS_TEST"})
    monkeypatch.setenv("SECRET_OF_THIS_TEST", " sk-1\n")
    assert secret.reveal() == "sk-1"
    monkeypatch.delenv("SECRET_OF_THIS_TEST")
    with pytest.raises(ValueError, match="the environment variable SECRET_OF_THIS_TEST is not set"):
        secret.reveal()
    assert secret.model_dump() == {"env": "SECRET_OF_THIS_TEST"}


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    secret = Secret.model_validate({"file": str(file)})
    with pytest.raises(ValueError, match=r"cannot read the secret file .*key: No such file"):
        secret.reveal()
    file.write_text("sk-2\n")
    assert secret.reveal() == "sk-2"
    assert secret.model_dump() == {"file": str(file)}


@pytest.mark.parametrize("ways", [{}, {"env": "A", "file": "b"}, {"value": "a", "env": "B"}])
def test_a_secret_comes_from_exactly_one_place(ways: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give a secret in exactly one way"):
        Secret.model_validate(ways)


def test_models_are_frozen_and_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Holder().key = None  # type: ignore[misc]
    with pytest.raises(ValidationError, match="kee"):
        Holder.model_validate({"kee": "x"})


def test_the_nearest_word_is_found_whatever_its_dashes_and_capitals() -> None:
    assert nearest("Llama70B", ["qwen", "llama-70b"]) == "llama-70b"
    assert nearest("zzz", ["qwen", "llama-70b"]) is None
    assert suggest("zzz", ["qwen", "llama-70b"]) == "known here: qwen, llama-70b"
    assert suggest("qwne", ["qwen", "llama-70b"]) == "did you mean qwen?"
    assert suggest("qwne", []) == "nothing is known here"


def test_a_field_error_speaks_of_every_place() -> None:
    error = FieldError((("load", "rate"), "is too fast"), ((), "has no end"))
    assert str(error) == "load.rate: is too fast; has no end"
