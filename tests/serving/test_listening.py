"""The socket that a server listens on."""

from __future__ import annotations

import asyncio
import socket

from almanac.serving.server import listen


def test_the_parts_of_an_answer_are_sent_at_once() -> None:
    """Header and body of an answer are two writes; the second must not wait for the first's."""

    async def is_undelayed() -> bool:
        told: asyncio.Queue[bool] = asyncio.Queue()

        async def told_of(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            of_client = writer.get_extra_info("socket")
            told.put_nowait(bool(of_client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        with listen("127.0.0.1", 0) as listening:
            async with await asyncio.start_server(told_of, sock=listening):
                port = listening.getsockname()[1]
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                found = await told.get()
                writer.close()
        return found

    assert asyncio.run(is_undelayed())
