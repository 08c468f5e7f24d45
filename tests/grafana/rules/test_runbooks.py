"""One page for every alert, with all that it promises."""

import re
from pathlib import Path
from typing import Final

import pytest

from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.check import problems
from swelld_grafana.rules.model import Group, Record, alerts
from swelld_grafana.rules.options import Options
from swelld_grafana.rules.prometheus import annotations
from swelld_grafana.rules.runbooks import HEADINGS, MARK, by_name, runbook

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "docs/runbooks"
GROUPS: Final = all_groups(Options())
NAMES: Final = list(by_name(GROUPS))


def written(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text().partition(MARK)[2]


def section(name: str, heading: str) -> str:
    return written(name).partition(f"## {heading}\n")[2].partition("\n## ")[0].strip()


def test_pages_and_alerts_are_the_same() -> None:
    assert {page.stem for page in FOLDER.glob("*.md")} == {*NAMES, "index"}


def test_the_address_in_an_alert_is_that_of_its_page() -> None:
    for alert in alerts(GROUPS):
        assert (ROOT / annotations(alert, Options())["runbook_url"]).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_all_it_should(name: str) -> None:
    page = (FOLDER / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(HEADINGS)
    assert len(section(name, "What it means")) > 40
    assert "```promql\n" in section(name, "How to see it")
    assert re.search(r"^- \S", section(name, "Causes, the likeliest first"), re.MULTILINE)
    assert re.search(r"^1\. \S", section(name, "What to do"), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_its_queries_ask_for_what_there_is(name: str) -> None:
    queries = re.findall(r"```promql\n(.*?)```", section(name, "How to see it"), re.DOTALL)
    asked = tuple(Record("stage:swelld:query", query.strip()) for query in queries)
    found = problems((*GROUPS, Group(name, 60.0, asked)))
    assert [
        problem for problem in found if "a selector without a name" not in problem and "promises" not in problem
    ] == []


def test_the_head_of_a_page_is_made_and_the_rest_is_kept() -> None:
    rules = by_name(GROUPS)["SwelldErrorBudgetBurn"]
    page = runbook(rules, f"old head\n{MARK}\nby hand\n")
    assert page.endswith(f"{MARK}\nby hand\n")
    assert page.count("```promql\n") == 4
    assert '| page | 2m | `long="1h"` `short="5m"` | `swelld-slo` |' in page
    assert "old head" not in page


def test_a_new_alert_gets_a_page_to_fill_in() -> None:
    page = runbook(by_name(GROUPS)["SwelldDown"], "")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(HEADINGS)
