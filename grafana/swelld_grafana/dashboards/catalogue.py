"""Every dashboard, in the order of the links between them."""

from swelld_grafana.dashboards.capacity import capacity
from swelld_grafana.dashboards.compare import compare
from swelld_grafana.dashboards.gpu import gpu
from swelld_grafana.dashboards.history import history
from swelld_grafana.dashboards.instrument import instrument
from swelld_grafana.dashboards.model import Dashboard
from swelld_grafana.dashboards.overview import overview
from swelld_grafana.dashboards.run import run
from swelld_grafana.dashboards.server import server
from swelld_grafana.dashboards.slo import slo

_PAGES = (overview, run, capacity, compare, history, server, gpu, slo, instrument)


def all_dashboards() -> tuple[Dashboard, ...]:
    """Everything that swelld ships."""
    return tuple(make() for make in _PAGES)
