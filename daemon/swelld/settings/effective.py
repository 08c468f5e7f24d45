"""Settings printed back, with secrets redacted."""

import re
from typing import Any

import yaml
from pydantic import BaseModel

from swelld.settings.file import SCALARS
from swelld.settings.model import Settings
from swelld.settings.secrecy import hidden, hidden_headers, without_secrets


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than text."""

    yaml_implicit_resolvers = {
        **yaml.SafeDumper.yaml_implicit_resolvers,
        None: [(tag, re.compile(f"(?:{pattern.pattern})\\Z")) for tag, pattern in SCALARS.items()],
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


def redacted(settings: Settings) -> dict[str, Any]:
    """The settings as plain JSON data, defaults written out, without any secret."""
    data: dict[str, Any] = _without_absent(settings, settings.model_dump(mode="json", by_alias=True))
    for target in (*data["targets"].values(), *(entry["target"] for entry in data["discovery"])):
        target["url"] = without_secrets(target["url"])
        target["headers"] = hidden_headers(target["headers"])
        target["extra_body"] = hidden(target["extra_body"])
    for place in [entry["http_sd"] for entry in data["discovery"] if "http_sd" in entry]:
        place["url"] = without_secrets(place["url"])
        place["headers"] = hidden_headers(place["headers"])
    for module in data["probe"]["modules"].values():
        module["headers"] = hidden_headers(module["headers"])
        module["extra_body"] = hidden(module["extra_body"])
    return data


def effective(settings: Settings) -> str:
    """The settings as YAML that loads again to the same settings, secrets aside."""
    return yaml.dump(redacted(settings), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _without_absent(value: Any, data: Any) -> Any:
    """Leaves out what is None because nobody set it; a None that says something stays."""
    if isinstance(value, BaseModel) and isinstance(data, dict):
        fields = type(value).model_fields
        absent = {name for name, field in fields.items() if field.default is None and getattr(value, name) is None}
        return {
            field.alias or name: _without_absent(getattr(value, name), data[field.alias or name])
            for name, field in fields.items()
            if name not in absent and (field.alias or name) in data
        }
    if isinstance(value, dict) and isinstance(data, dict):
        return {key: _without_absent(value.get(key), part) for key, part in data.items()}
    if isinstance(value, (list, tuple)) and isinstance(data, list):
        return [_without_absent(one, part) for one, part in zip(value, data, strict=True)]
    return data
