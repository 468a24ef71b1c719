"""Web pages and the REST API."""
