"""A chat over WebSockets, and who talks in it, by the library `websockets`.

`chat.py serve HOST PORT` says to each caller what it got of it; a text `bye` ends the connection.
`chat.py talk URL CA TOKEN ADDRESS PORT` sends each line of stdin as a text, `bytes:…` as bytes, and prints what comes back
for it, or why the connection ended."""

import asyncio
import ssl
import sys

import websockets


async def serve(host, port):
    async def echo(socket):
        async for said in socket:
            if said == "bye":
                await socket.close(1000, "bye")
                return
            await socket.send(("bytes:" + said.decode(errors="replace")) if isinstance(said, bytes) else said)

    async with websockets.serve(echo, host, int(port), subprotocols=["chat.v1"]):
        print("ready", flush=True)
        await asyncio.get_running_loop().create_future()


async def talk(url, ca, token, address, port):
    context = ssl.create_default_context(cafile=ca)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        async with websockets.connect(
            url, ssl=context, additional_headers=headers, host=address, port=int(port), subprotocols=["chat.v1"]
        ) as socket:
            print("open", socket.subprotocol, [e.name for e in socket.protocol.extensions], flush=True)
            for line in sys.stdin:
                line = line.rstrip("\n")
                await socket.send(line[6:].encode() if line.startswith("bytes:") else line)
                print(await asyncio.wait_for(socket.recv(), 5), flush=True)
    except websockets.exceptions.InvalidStatus as error:
        print("status", error.response.status_code, flush=True)
    except websockets.exceptions.ConnectionClosed as error:
        print("closed", error.rcvd.code if error.rcvd else None, error.rcvd.reason if error.rcvd else "", flush=True)


asyncio.run(serve(*sys.argv[2:]) if sys.argv[1] == "serve" else talk(*sys.argv[2:]))
