"""The API, one module per area. Each declares its operations next to the methods that call them."""
