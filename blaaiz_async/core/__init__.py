"""How one call is made, in the order in which it passes: operation, caller, budget, tokens, transport, retry, codec."""
