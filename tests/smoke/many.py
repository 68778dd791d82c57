"""Many connections at once, idle and busy, for the test of paced resets.

  many.py serve PORT               echoes what it gets, on any number of connections
  many.py hold HOST PORT N         opens N idle and N busy connections, prints "ready", and waits for each to end;
                                   prints how they did as JSON: {"idle": {"reset": N}, "busy": {"reset": N}}

A busy connection always has data on the way in both directions; an idle one sends nothing after its
first line, so that only a reset with exactly the right number can reach it.
"""
import asyncio
import collections
import json
import sys

PATIENCE_S = 60


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def fate(host, port, busy, opened):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"x" * 200)
        await reader.readexactly(200)
        opened.release()
        while True:
            if busy:
                writer.write(b"x" * 200)
                await writer.drain()
            data = await asyncio.wait_for(reader.read(4096), PATIENCE_S)
            if not data:
                return "closed"
            if busy:
                await asyncio.sleep(.1)
    except ConnectionResetError:
        return "reset"
    except (asyncio.TimeoutError, OSError) as error:
        return type(error).__name__


async def hold(host, port, count):
    opened = asyncio.Semaphore(0)
    tasks = []
    for i in range(2 * count):
        tasks.append(asyncio.create_task(fate(host, port, i % 2 == 1, opened)))
        if i % 100 == 99:
            await asyncio.sleep(.1)
    for _ in tasks:
        await asyncio.wait_for(opened.acquire(), PATIENCE_S)
    print("ready", flush=True)
    fates = await asyncio.gather(*tasks)
    print(json.dumps({"idle": collections.Counter(fates[0::2]), "busy": collections.Counter(fates[1::2])}), flush=True)


async def serve(port):
    async with await asyncio.start_server(echo, "0.0.0.0", port, backlog=4096) as server:
        await server.serve_forever()


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2])))
else:
    asyncio.run(hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
