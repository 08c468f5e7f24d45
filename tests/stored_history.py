"""The queries of the History dashboard, as Grafana's PostgreSQL data source sends them."""

import re
from collections.abc import Iterable, Iterator

from postgres_server import Postgres
from swelld_grafana.dashboards.history import history
from swelld_grafana.dashboards.model import Sql


def filled(sql: str, since: str, until: str, scenarios: Iterable[str]) -> str:
    """The query for that time and those scenarios."""
    within = rf"\1 BETWEEN '{since}' AND '{until}'"
    chosen = ",".join(f"'{name}'" for name in scenarios)
    return re.sub(r"\$__timeFilter\((\w+)\)", within, sql).replace("${stored:sqlstring}", chosen)


def sql_queries() -> Iterator[tuple[str, str]]:
    """Every query with the title of its panel."""
    for panel in history().panels():
        for query in panel.queries:
            if isinstance(query, Sql):
                yield panel.title, query.sql


def found_in(
    server: Postgres, url: str, since: str, until: str, scenarios: Iterable[str]
) -> dict[str, list[list[str]]]:
    """The rows of every panel by its title."""
    return {title: server.query(url, filled(sql, since, until, scenarios)) for title, sql in sql_queries()}
