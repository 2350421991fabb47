"""Web services on the client: FastAPI, Litestar, aiohttp. `shared` holds what they have in common."""
