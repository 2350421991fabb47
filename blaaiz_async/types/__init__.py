"""Requests and answers, one module per API area."""
