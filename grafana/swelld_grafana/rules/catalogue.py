"""Every group of rules, in the order in which they need each other."""

from swelld_grafana.rules.daemon import daemon_groups
from swelld_grafana.rules.gpu import gpu_groups
from swelld_grafana.rules.instrument import instrument_groups
from swelld_grafana.rules.model import Group
from swelld_grafana.rules.options import Options
from swelld_grafana.rules.regression import regression_groups
from swelld_grafana.rules.scenarios import scenario_groups
from swelld_grafana.rules.slo import slo_groups
from swelld_grafana.rules.targets import target_groups
from swelld_grafana.rules.traffic import traffic_groups

_PARTS = (
    traffic_groups,
    slo_groups,
    daemon_groups,
    scenario_groups,
    instrument_groups,
    target_groups,
    gpu_groups,
    regression_groups,
)


def all_groups(options: Options) -> tuple[Group, ...]:
    """Everything that swelld ships."""
    return tuple(group for part in _PARTS for group in part(options))
