"""Clients in other languages than Python, as their users run them."""
