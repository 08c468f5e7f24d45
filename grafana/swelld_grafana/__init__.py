"""Dashboards and rules as code."""
