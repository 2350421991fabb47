"""A loopback server with as little of its own as possible: it answers every GET with one documented customer.

Run as `python -m benchmarks.server [CERT_FILE KEY_FILE]`; it prints its port and serves until its standard input closes.
"""

import asyncio
import ssl
import sys

TOKEN = b'{"token_type":"Bearer","expires_in":900,"access_token":"benchmark"}'
CUSTOMER = (
    b'{"message":"Customer retrieved successfully","data":{"id":"9d4c4ec5-59ea-4130-bf8a-6a5edec401ee",'
    b'"business_id":"9d4c4ec5-572d-49de-a362-f01ed09f2b1b","type":"individual","first_name":"John","last_name":"Doe",'
    b'"business_name":null,"email":"john.doe@example.com","phone":"+2348012345678","country":"NG","id_type":"passport",'
    b'"id_number":"A12345678","tin":null,"verification_status":"VERIFIED","enhanced_due_diligence":false,"kyc_data":{'
    b'"id":"9d4c4ec5-59ea-4130-bf8a-6a5edec40200","dob":"1990-01-15","street":"123 Main Street","city":"Lagos",'
    b'"state":"Lagos","zip_code":"100001","operating_street":null,"operating_city":null,"operating_state":null,'
    b'"operating_zip_code":null,"id_expiry_date":"2030-01-15","id_issue_date":"2020-01-15"},'
    b'"created_at":"2024-01-15T10:30:00.000000Z","updated_at":"2024-01-15T10:40:00.000000Z"}}'
)


def _answer(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-ratelimit-limit: 1000000000\r\n"
        f"x-ratelimit-remaining: 999999999\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Canned(asyncio.Protocol):
    """Answers as soon as a request is whole: one with a body has a Content-Length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = 0
            if (place := head.find(b"content-length:")) >= 0:
                length = int(head[place + 15 :].split(b"\r\n")[0])
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(_answer(TOKEN if head.startswith(b"post /oauth") else CUSTOMER))
            if b"connection: close" in head:
                self.transport.close()


async def main(files: list[str]) -> None:
    tls = None
    if files:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*files)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", 0, ssl=tls, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
