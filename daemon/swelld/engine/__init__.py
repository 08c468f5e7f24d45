"""The hot path: transport, exchanges and the shards that run a load."""
