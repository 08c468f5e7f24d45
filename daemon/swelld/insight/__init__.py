"""A run explained in words: by any OpenAI-compatible model whose every number is checked, or by rules."""
