"""A result in other shapes, for other programs and for people: pure functions of a result and its requests."""
