"""The metrics that inference servers keep of themselves: where to find them, what they mean, and how they grow."""
