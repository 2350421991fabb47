"""One class for each documented delivery, one module for each area (contract/events.yaml webhooks)."""
