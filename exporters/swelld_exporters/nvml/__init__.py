"""The GPUs of this machine through NVIDIA's management library."""
