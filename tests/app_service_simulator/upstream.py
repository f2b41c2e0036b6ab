"""An app for the tests of the front end: says what it received, streams, speaks WebSocket, and breaks."""

import asyncio
import os

from aiohttp import WSMsgType, web


async def echo(request: web.Request) -> web.Response:
    """What arrived, as JSON, with two cookies and the visitor's own in a header."""
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "target": request.raw_path,
            "headers": [[name, value] for name, value in request.headers.items()],
            "body": body.decode("latin-1"),
        },
        headers=[
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("X-Cookie-Was", request.headers.get("Cookie", "")),
        ],
    )


async def count_upload(request: web.Request) -> web.StreamResponse:
    """Answers each part of the body as it arrives with the bytes seen so far."""
    response = web.StreamResponse()
    await response.prepare(request)
    seen = 0
    async for chunk in request.content.iter_any():
        seen += len(chunk)
        await response.write(b"%d\n" % seen)
    return response


async def large(request: web.Request) -> web.StreamResponse:
    """As many bytes as asked for."""
    size = int(request.query["bytes"])
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    part = b"x" * 65536
    while size:
        await response.write(part[:size])
        size -= min(size, len(part))
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    """A chunk, and then nothing, for ever; writes to its log when the visitor has gone."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"first\n")
    try:
        await asyncio.Event().wait()
    finally:
        print("the visitor has gone", flush=True)  # noqa: T201 - the log is what the test reads
    return response


async def compressed(request: web.Request) -> web.Response:
    """A text sent gzipped."""
    response = web.Response(text="squeeze " * 1000)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def hang_up(request: web.Request) -> web.Response:
    """Ends the connection instead of answering."""
    print(f"hanging up on {request.method}", flush=True)  # noqa: T201 - the log is what the test reads
    assert request.transport
    request.transport.abort()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    """Dies in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"only this")
    await asyncio.sleep(0)
    os._exit(1)


async def chat(request: web.Request) -> web.WebSocketResponse:
    """Says what it hears; "bye" makes it close with code 4000."""
    socket = web.WebSocketResponse(protocols=["talk"], max_msg_size=0)
    await socket.prepare(request)
    await socket.send_str(request.headers.get("X-Forwarded-For", ""))
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "bye":
            await socket.close(code=4000)
        else:
            await socket.send_str(message.data)
    print(f"closed with {socket.close_code}", flush=True)  # noqa: T201 - the log is what the test reads
    return socket


async def no_chat(request: web.Request) -> web.Response:
    """Refuses the handshake."""
    return web.Response(status=401)


app = web.Application(client_max_size=0)
app.router.add_route("*", "/echo", echo)
app.router.add_route("OPTIONS", "/", echo)
app.router.add_post("/count-upload", count_upload)
app.router.add_get("/large", large)
app.router.add_get("/endless", endless)
app.router.add_get("/compressed", compressed)
app.router.add_route("*", "/hang-up", hang_up)
app.router.add_get("/break-off", break_off)
app.router.add_get("/chat", chat)
app.router.add_get("/no-chat", no_chat)

if __name__ == "__main__":
    web.run_app(
        app, max_field_size=32768, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, handler_cancellation=True
    )
