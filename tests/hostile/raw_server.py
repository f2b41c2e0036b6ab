"""A server that answers whatever bytes it is told to, well formed or not."""

import asyncio
import ssl
from types import TracebackType


class RawServer:
    """Answers every request with `answer`, then closes; an asynchronous context manager.

    Attributes:
        answer: what to send.
        without_end: then send it again and again, for as long as the client reads.
        sent: how many bytes the last client took.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer = b""
        self.without_end = False
        self.sent = 0
        self._tls = tls

    async def __aenter__(self) -> "RawServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.sent = 0
            while self.sent == 0 or self.without_end:
                writer.write(self.answer)
                await writer.drain()
                self.sent += len(self.answer) or 1
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()
