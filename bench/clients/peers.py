"""Other clients."""

PEERS = ()
