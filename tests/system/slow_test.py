#!/usr/bin/python3
"""Goal: clients that are slow, silent or gone cost the others nothing. Method: thousands of
connections that never finish (silent, a head or a body byte by byte, half of a head, answers never
read) are held open and made again when the server closes them; meanwhile good connections send sales,
each of which must be accepted.

  slow_test.py --program FILE --work FOLDER [--slow N] [--good N] [--rounds N]
"""
import argparse
import asyncio
import pathlib
import random
import resource
import sys
import time

import load
import rig

HEAD = b'POST /v1/transactions HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/json\r\n'


async def drip(writer, text):
    for at in range(len(text)):
        writer.write(text[at:at + 1])
        await writer.drain()
        await asyncio.sleep(1)


async def silent(reader, _):
    await reader.read(1)


async def drip_head(reader, writer):
    await drip(writer, HEAD + b'X-Note: ' + b'a' * 4000)


async def drip_body(reader, writer):
    writer.write(HEAD + b'Content-Length: 5000\r\n\r\n')
    await drip(writer, b'{"store":"0001"' + b' ' * 4000)


async def half_a_head(reader, writer):
    writer.write(HEAD[:40])
    await writer.drain()
    await reader.read(1)


async def never_read(reader, writer):
    writer.transport.pause_reading()
    writer.write(b'GET /v1/stores HTTP/1.1\r\nHost: shop.example\r\n\r\n' * 20)
    await writer.drain()
    await asyncio.sleep(30)


KINDS = [silent, drip_head, drip_body, half_a_head, never_read]


class Slow:

    def __init__(self, port):
        self.port, self.open, self.made = port, 0, 0

    async def hold(self, kind):
        while True:
            try:
                reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            self.open, self.made = self.open + 1, self.made + 1
            try:
                await kind(reader, writer)
            except OSError:
                pass
            finally:
                self.open -= 1
                writer.transport.abort()


class Good:

    def __init__(self, port, seed):
        self.port, self.dice = port, random.Random(seed)
        self.accepted, self.failures, self.times = 0, [], []

    async def answer(self, reader):
        head = await reader.readuntil(b'\r\n\r\n')
        length = next(int(line.split(b':')[1]) for line in head.splitlines()
            if line.lower().startswith(b'content-length:'))
        return int(head.split()[1]), await reader.readexactly(length)

    async def send(self, number, rounds):
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        for sequence in range(1, rounds + 1):
            text = load.document(self.dice, f'{number:04}', '01', sequence, 'sale', False).encode()
            began = time.monotonic()
            writer.write(HEAD + b'Content-Length: %d\r\n\r\n' % len(text) + text)
            status, body = await self.answer(reader)
            self.times.append(time.monotonic() - began)
            if status == 201:
                self.accepted += 1
            else:
                self.failures.append(f'{status} {body[:200]!r}')
            await asyncio.sleep(self.dice.uniform(0.2, 1))
        writer.close()

    async def run(self, number, rounds):
        try:
            await self.send(number, rounds)
        except (OSError, EOFError) as error:
            self.failures.append(repr(error))


async def drive(options, port, claims):
    slow, good = Slow(port), Good(port, options.seed)
    holders = [asyncio.create_task(slow.hold(KINDS[n % len(KINDS)])) for n in range(options.slow)]
    while slow.open < options.slow * 0.98:
        await asyncio.sleep(0.05)
    claims.claim(f'{slow.open} slow connections are open', True)
    await asyncio.gather(*(good.run(n + 1, options.rounds) for n in range(options.good)))
    held = slow.open
    for holder in holders:
        holder.cancel()
    await asyncio.gather(*holders, return_exceptions=True)
    claims.claim(f'{good.accepted} sales of {options.good} good connections accepted, '
        f'{len(good.failures)} failures {good.failures[:1] or ""}',
        good.accepted == options.good * options.rounds and not good.failures)
    claims.claim(f'{held} slow connections were still held ({slow.made} were made)',
        held >= options.slow * 0.9)
    good.times.sort()
    print(f'a sale took {good.times[len(good.times) // 2] * 1000:.0f} ms in the middle, '
        f'{good.times[len(good.times) * 99 // 100] * 1000:.0f} ms at the 99th percentile')


def main():
    parser = argparse.ArgumentParser(description='Slow clients beside good ones.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True, help='a folder that is emptied')
    parser.add_argument('--slow', type=int, default=5000)
    parser.add_argument('--good', type=int, default=1000)
    parser.add_argument('--rounds', type=int, default=10, help='sales of a good connection')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    claims = rig.Claims()
    need, (_, most) = 2 * options.slow + options.good + 200, resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < need:
        claims.claim(f'{need} open files are allowed (the limit is {most})', False)
        return claims.close()
    folder = rig.empty(options.work)
    # Shorter than the run, so that slow connections are closed and come again.
    server = rig.serve(options.program.absolute(), folder, folder / 'data', '--head-timeout', '3s',
        '--body-timeout', '3s', '--write-timeout', '3s')
    server.start()
    # After the start: the server has to see to its own limit.
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, most))
    try:
        asyncio.run(drive(options, server.port, claims))
    finally:
        stopped = server.stop()
    claims.claim('the server stops when it is asked to', stopped)
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
