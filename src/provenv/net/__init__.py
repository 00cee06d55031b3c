"""The one door to HTTP: requests, downloads, retries, secrets and caching rules."""
