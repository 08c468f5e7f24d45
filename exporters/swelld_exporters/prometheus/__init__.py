"""The Prometheus exposition: a registry over distributions and its text form."""
