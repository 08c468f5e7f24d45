"""Deciding on levels of load while a run goes on: what to try next, and what a level has shown. Pure."""
