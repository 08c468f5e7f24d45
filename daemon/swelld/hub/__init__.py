"""Where measurements become distributions, metrics and results."""
