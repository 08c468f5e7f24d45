"""A simulated LLM server that knows the truth about its own timing."""
