"""How requests are due: closed loop, open loop, sequential."""
