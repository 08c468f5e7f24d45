"""Service discovery: targets found in files, in the DNS or over HTTP, as Prometheus finds them."""
