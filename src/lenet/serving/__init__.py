"""The champion's server."""
