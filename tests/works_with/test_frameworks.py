"""A room in each of the frameworks, over real sockets: clients come, publish, follow and leave."""

from __future__ import annotations

import textwrap

from helpers import run_child
from packages import needs

ROOM = """
    import asyncio
    import json

    from websockets.asyncio.client import connect

    from change_buffers import DictionaryChangeMultiView
    from change_buffers.codecs import JSONCodec

    room, codec = DictionaryChangeMultiView(), JSONCodec()

    def take(message):
        room.update(**json.loads(message))

    async def follow(send):
        async for change in room.subscribe_changes(interval=0.005):
            await send(change.encode(codec).decode())

    async def attend(listening, send):
        '''Serve a client until the first of the two ends: its messages, or ours.'''
        tasks = [asyncio.ensure_future(listening), asyncio.ensure_future(follow(send))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def expect(client, content, replica):
        while replica != content:
            message = json.loads(await client.recv())
            replica.update(message["updates"])
            for key in message["removals"]:
                del replica[key]

    async def all_gone():
        while room.stats().views:
            room.update({"still there?": None})
            await asyncio.sleep(0.005)

    async def come_and_go(port):
        address = f"ws://127.0.0.1:{port}/room"
        async with connect(address) as ada, connect(address) as bob:
            replicas = [(ada, {}), (bob, {})]
            await ada.send('{"updates": {"a": [1, 2]}}')
            for client, replica in replicas:
                await expect(client, {"a": [1, 2]}, replica)
            await bob.send('{"updates": {"b": 2}, "removals": ["a"]}')
            for client, replica in replicas:
                await expect(client, {"b": 2}, replica)
        await all_gone()
        async with connect(address) as late:
            await expect(late, room.copy_content(), {})
            room.freeze()
            await late.wait_closed()
        while room.stats().views:
            await asyncio.sleep(0.005)

    async def check(port):
        await asyncio.wait_for(come_and_go(port), 20)
        print("done")
"""

UVICORN = """
    import uvicorn

    async def main():
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="error", lifespan="off")
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        await check(server.servers[0].sockets[0].getsockname()[1])
        server.should_exit = True
        await serving

    asyncio.run(main())
"""

STARLETTE = """
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route, WebSocketRoute

    async def endpoint(websocket):
        await websocket.accept()
        async def listen():
            async for text in websocket.iter_text():
                take(text)
        await attend(listen(), websocket.send_text)

    async def events(request):
        async def stream():
            async for change in room.subscribe_changes(interval=0.005):
                yield b"data: " + change.encode(codec) + b"\\n\\n"
        return StreamingResponse(stream(), media_type="text/event-stream")

    app = Starlette(routes=[WebSocketRoute("/room", endpoint), Route("/events", events)])
"""

SERVER_SENT_EVENTS = """
    async def come_and_go(port):
        room.update({"a": 1})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /events HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        await reader.readuntil(b'data: {"updates":{"a":1},"removals":[]}\\n\\n')
        room.update({"b": 2})
        await reader.readuntil(b'data: {"updates":{"b":2},"removals":[]}\\n\\n')
        writer.close()
        await all_gone()
"""

FASTAPI = """
    from fastapi import FastAPI, WebSocket

    app = FastAPI()

    @app.websocket("/room")
    async def endpoint(websocket: WebSocket):
        await websocket.accept()
        async def listen():
            async for text in websocket.iter_text():
                take(text)
        await attend(listen(), websocket.send_text)
"""

QUART = """
    from quart import Quart, websocket

    app = Quart("room")

    @app.websocket("/room")
    async def endpoint():
        async def listen():
            while True:
                take(await websocket.receive())
        await attend(listen(), websocket.send)
"""

CHANNELS = """
    from django.conf import settings

    settings.configure()
    from channels.generic.websocket import AsyncWebsocketConsumer

    class Consumer(AsyncWebsocketConsumer):
        async def connect(self):
            await self.accept()
            self.sending = asyncio.create_task(self.send_all())

        async def send_all(self):
            await follow(self.send)
            await self.close()

        async def receive(self, text_data):
            take(text_data)

        async def disconnect(self, code):
            self.sending.cancel()

    app = Consumer.as_asgi()
"""

AIOHTTP = """
    from aiohttp import web

    async def endpoint(request):
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async def listen():
            async for message in websocket:
                take(message.data)
        await attend(listen(), websocket.send_str)
        await websocket.close()
        return websocket

    async def main():
        app = web.Application()
        app.add_routes([web.get("/room", endpoint)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await check(runner.addresses[0][1])
        await runner.cleanup()

    asyncio.run(main())
"""

TORNADO = """
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application
    from tornado.websocket import WebSocketHandler

    class Handler(WebSocketHandler):
        def open(self):
            self.sending = asyncio.ensure_future(self.send_all())

        async def send_all(self):
            await follow(self.write_message)
            self.close()

        def on_message(self, message):
            take(message)

        def on_close(self):
            self.sending.cancel()

    async def main():
        sockets = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(Application([("/room", Handler)]))
        server.add_sockets(sockets)
        await check(sockets[0].getsockname()[1])
        server.stop()

    asyncio.run(main())
"""


def in_room(*parts: str) -> str:
    # What the frameworks warn of is not ours to mend.
    return run_child("".join(map(textwrap.dedent, (ROOM, *parts))), "-W", "ignore")


def test_starlette_on_uvicorn() -> None:
    needs("starlette", "uvicorn")
    assert in_room(STARLETTE, UVICORN) == "done\n"


def test_server_sent_events_of_starlette_on_uvicorn() -> None:
    needs("starlette", "uvicorn")
    assert in_room(STARLETTE, SERVER_SENT_EVENTS, UVICORN) == "done\n"


def test_fastapi_on_uvicorn() -> None:
    needs("fastapi", "uvicorn")
    assert in_room(FASTAPI, UVICORN) == "done\n"


def test_quart_on_uvicorn() -> None:
    needs("quart", "uvicorn")
    assert in_room(QUART, UVICORN) == "done\n"


def test_django_channels_on_uvicorn() -> None:
    needs("channels", "uvicorn")
    assert in_room(CHANNELS, UVICORN) == "done\n"


def test_aiohttp() -> None:
    needs("aiohttp")
    assert in_room(AIOHTTP) == "done\n"


def test_tornado() -> None:
    needs("tornado")
    assert in_room(TORNADO) == "done\n"
