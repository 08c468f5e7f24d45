"""Where measurements leave the daemon: metrics, files, traces."""
