"""The JSON Schema of `result.json`, made from the structs; `python -m swelld.store.schema` prints it."""

from typing import Any, Final

import msgspec

from swelld.result import SCHEMA_NAME, Result

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def result_schema() -> dict[str, Any]:
    """The schema as JSON data; stricter than the types where the types cannot say it."""
    generated = msgspec.json.schema(Result)
    definitions = generated["$defs"]
    definitions["Result"]["required"].insert(0, "schema")
    statistics = definitions["Statistics"]
    names = [name for name in statistics["properties"] if name not in ("count", "quantiles")]
    statistics["if"] = {"properties": {"count": {"const": 0}}}
    statistics["then"] = {"properties": {name: {"type": "null"} for name in names}}  # nothing measured is null, not 0
    return {"$schema": DIALECT, "title": SCHEMA_NAME, **generated}


def schema_text() -> str:
    """The content of docs/result.schema.json."""
    return msgspec.json.format(msgspec.json.encode(result_schema()), indent=2).decode() + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(schema_text())
