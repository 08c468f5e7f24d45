"""Checks of what the servers answer: settings, and pure judgements of one text."""
