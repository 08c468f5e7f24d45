"""Prompt sources: what is asked, seeded and addressable by index."""
