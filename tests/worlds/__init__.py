"""Small worlds that the tests run in."""
