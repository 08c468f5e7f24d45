"""Recording rules, alerts, runbooks and Alertmanager routes as code; `python -m swelld_grafana.rules` builds them."""
