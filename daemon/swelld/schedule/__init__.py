"""When scenarios run: moments and windows as pure functions, and the keepers that live by them."""
