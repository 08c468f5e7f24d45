"""Traces and metrics over OTLP."""
