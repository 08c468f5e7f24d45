"""Dashboards as code; `python -m swelld_grafana` builds them."""
