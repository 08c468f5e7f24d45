"""Wire formats: encode a prompt, decode a byte stream; no I/O, no clock."""
