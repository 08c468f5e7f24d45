"""The reference page is current, and says what the models say."""

from pathlib import Path

import pytest

from swelld.components import ADAPTERS, PROMPTS
from swelld.settings import configuration_reference, with_reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def section(title: str) -> str:
    return configuration_reference().partition(f"# {title}\n")[2].partition("\n## ")[0].partition("\n### ")[0]


def test_the_committed_page_is_current() -> None:
    page = PAGE.read_text()
    assert with_reference(page) == page, "run `make gen`"


def test_a_page_without_its_mark_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="the page lacks the line"):
        with_reference("# Configuration\n")


@pytest.mark.parametrize(
    "row",
    [
        "| `url` | text | required | Base URL with or without /v1, or the full endpoint;",
        f"| `api` | {' or '.join(f'`{api}`' for api in ADAPTERS)} | `openai_chat` | The wire format. |",
        "| `api_key` | secret |  | Sent as a bearer token. |",
        "| `headers` | mapping to text | `{}` | Added to every request. |",
        "| `max_response` | size > 0 | `64MiB` | Largest answer accepted. |",
        "| `temperature` | number ≥ 0 |  |",
    ],
)
def test_a_target_is_described(row: str) -> None:
    assert row in section("`targets.NAME`")


@pytest.mark.parametrize(
    ("title", "row"),
    [
        ("The top level", "| `shards` | `auto`, `inline` or whole number | `auto` |"),
        ("`targets.NAME.timeouts`", "| `connect` | duration > 0 | `10s` | TCP and TLS together. |"),
        ("`scenarios.NAME`", "| `mix` | `weighted` or `each` | `each` |"),
        (
            "`scenarios.NAME`",
            "| `load` | section below (`closed` or `open` or `sequential` or `search` or `sweep` or `replay`) |",
        ),
        ("`scenarios.NAME.load` (closed)", "| `concurrency` | list of whole number > 0 | required |"),
        ("`scenarios.NAME.load` (open)", "| `rate` | list of rate > 0 or ramp or section below (`sine`"),
        ("`scenarios.NAME.prompts` (sharegpt)", "| `turn` | whole number > 0 or `last` | `1` |"),
        ("`scenarios.NAME.prompts.input_tokens` (normal)", "| `kind` | `normal` | required | The distribution. |"),
        ("`scenarios.NAME.objectives`", "| `share` | number > 0 and ≤ 1 | `0.99` |"),
        ("`web`", "| `listen` | HOST:PORT | `127.0.0.1:9464` |"),
    ],
)
def test_values_and_defaults_are_in_words(title: str, row: str) -> None:
    assert row in section(title)


def test_every_kind_of_prompts_has_its_section() -> None:
    page = configuration_reference()
    assert [kind for kind in PROMPTS if f"### `scenarios.NAME.prompts` ({kind})\n" not in page] == []


def test_every_setting_is_described() -> None:
    rows = [row for row in configuration_reference().splitlines() if row.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if row.endswith("|  |")] == []
