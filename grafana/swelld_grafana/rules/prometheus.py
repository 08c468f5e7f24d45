"""The rules as Prometheus and its operator read them."""

from typing import Any, Final
from urllib.parse import quote

from swelld_grafana.rules.durations import duration
from swelld_grafana.rules.model import Alert, Group, Record
from swelld_grafana.rules.options import Options

_VARIABLES: Final = ("scenario", "target", "model", "stage")
"""Labels of an alert that dashboards have as variables."""


def rule_file(groups: tuple[Group, ...], options: Options) -> dict[str, Any]:
    """What stands in a file of `rule_files`."""
    return {"groups": [_group(group, options) for group in groups]}


def prometheus_rule(groups: tuple[Group, ...], options: Options) -> dict[str, Any]:
    """The same for the Prometheus Operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "swelld", "labels": {"app.kubernetes.io/name": "swelld"}},
        "spec": rule_file(groups, options),
    }


def annotations(alert: Alert, options: Options) -> dict[str, str]:
    """What people read."""
    return {
        "summary": alert.summary,
        "description": alert.description,
        "runbook_url": f"{options.runbooks.rstrip('/')}/{quote(alert.name)}.md",
        "dashboard_url": _dashboard(alert, options),
    }


def _dashboard(alert: Alert, options: Options) -> str:
    """A variable that the alert has no label for is left out, so that the dashboard shows all."""
    chosen = "".join(
        f"{{{{ with $labels.{name} }}}}&var-{name}={{{{ . | urlquery }}}}{{{{ end }}}}" for name in _VARIABLES
    )
    return f"{options.grafana.rstrip('/')}/d/swelld-{alert.dashboard}?from=now-6h&to=now{chosen}"


def _group(group: Group, options: Options) -> dict[str, Any]:
    rules = [_record(rule) if isinstance(rule, Record) else _alert(rule, options) for rule in group.rules]
    return {"name": group.name, "interval": duration(group.interval), "rules": rules}


def _record(record: Record) -> dict[str, Any]:
    return {"record": record.name, "expr": record.expr}


def _alert(alert: Alert, options: Options) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **({"for": duration(alert.pending)} if alert.pending else {}),
        "labels": {"severity": alert.severity, **alert.labels},
        "annotations": annotations(alert, options),
    }
