"""Scenarios, laws and real small worlds."""
