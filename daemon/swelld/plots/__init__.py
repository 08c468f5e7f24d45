"""Pictures of results: what is in them as data, and two ways to draw that."""
