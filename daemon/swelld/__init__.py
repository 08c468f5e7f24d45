"""swelld: puts load on LLM inference servers and tells the truth about what came back."""

__version__ = "0.1.0"
