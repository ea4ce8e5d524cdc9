"""Geodata: reading, checking, joining, routing and drawing. Knows nothing about broadband."""
