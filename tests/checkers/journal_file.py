"""The journal as docs/FORMAT.md describes it, read without a line of the product: segments, records,
checksums, seals and the chain from seal to header. Changes nothing. Standard library only."""
import hashlib
import pathlib
import re
import struct

HEADER = struct.Struct('<8sIIQQQq32sII')
RECORD = struct.Struct('<IIIHHQqQII')
SEAL = struct.Struct('<QQQQ32s')
MAGIC = 0xfec5f7ff
EVENT, MARK, SEALED = 1, 2, 3
SEAL_BYTES = RECORD.size + SEAL.size
EVENT_BYTES_MAX = 4 << 20
NAME = re.compile(r'^(\d{16})\.segment$')


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc_table()


def crc32c(data):
    crc, table = 0xffffffff, TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xffffffff


class Damage(Exception):
    """What stands on the disk is not what the format says."""


class Event:
    __slots__ = ('number', 'kind', 'recorded_ms', 'payload', 'where')

    def __init__(self, number, kind, recorded_ms, payload, where):
        self.number, self.kind, self.recorded_ms = number, kind, recorded_ms
        self.payload, self.where = payload, where


class Segment:

    def __init__(self, path, index):
        self.path, self.index, self.data = path, index, path.read_bytes()
        self.events = []
        self.seal = None

    def fail(self, offset, sentence):
        raise Damage(f'{self.path.name}: offset {offset}: {sentence}')

    def header(self, first_number, previous):
        data = self.data
        if len(data) < HEADER.size + SEAL_BYTES:
            self.fail(0, f'the file has {len(data)} bytes')
        magic, version, crc, index, first, size, _, before, self.generation, reserved = (
            HEADER.unpack_from(data))
        for what, found, expected in (('magic', magic, b'tillbseg'), ('version', version, 1),
                ('checksum', crc, crc32c(data[16:HEADER.size])), ('index', index, self.index),
                ('first number', first, first_number), ('size', size, len(data)),
                ('hash of the seal before', before, previous), ('reserved', reserved, 0)):
            if found != expected:
                self.fail(0, f'{what} is {found!r}, expected {expected!r}')

    def record(self, offset, end):
        """(type, kind, number, recorded_ms, durable, generation, payload, end) or None where no
        good record stands."""
        if offset + RECORD.size > end:
            return None
        magic, crc, length, kind, of_type, number, recorded_ms, durable, at, generation = (
            RECORD.unpack_from(self.data, offset))
        stop = offset + RECORD.size + (length + 7 & ~7)
        if magic != MAGIC or at != offset or length > EVENT_BYTES_MAX or stop > end:
            return None
        if crc != crc32c(self.data[offset + 8:stop]):
            return None
        start = offset + RECORD.size
        return (of_type, kind, number, recorded_ms, durable, generation,
            self.data[start:start + length], stop)

    def read_seal(self):
        found = self.record(len(self.data) - SEAL_BYTES, len(self.data))
        if found is not None and found[0] == SEALED and len(found[6]) == SEAL.size:
            self.seal = SEAL.unpack(found[6])

    def read(self, first_number, previous):
        """Reads everything; returns the number that the next event has."""
        self.header(first_number, previous)
        self.read_seal()
        offset, number, room = HEADER.size, first_number, len(self.data) - SEAL_BYTES
        generation, event_bytes = self.generation, 0
        while (record := self.record(offset, room)) is not None:
            of_type, kind, its_number, recorded_ms, durable, its_generation, payload, stop = record
            if its_number != number:
                self.fail(offset, f'event {its_number} stands where {number} is expected')
            if durable >= number:
                self.fail(offset, f'event {number} says that {durable} was durable before it')
            if of_type == MARK:
                if its_generation < generation or payload or durable != number - 1:
                    self.fail(offset, 'a mark that contradicts what stands before it')
                generation = its_generation
            elif of_type == EVENT and payload and its_generation == generation:
                self.events.append(Event(number, kind, recorded_ms, payload,
                    f'{self.path.name}:{offset}'))
                number += 1
                event_bytes += stop - offset
            else:
                self.fail(offset, f'a record of type {of_type}, generation {its_generation}')
            offset = stop
        self.end = offset
        if self.seal is not None:
            self.check_seal(first_number, number, event_bytes, offset, room)
        return number

    def check_seal(self, first_number, number, event_bytes, offset, room):
        count, first, last, bytes_of_events, digest = self.seal
        for what, found, expected in (('count', count, number - first_number),
                ('first', first, first_number), ('last', last, number - 1),
                ('bytes of events', bytes_of_events, event_bytes),
                ('hash', digest.hex(), hashlib.sha256(self.data[:room]).hexdigest())):
            if found != expected:
                self.fail(room, f'the seal says {what} {found}, but it is {expected}')
        if self.data[offset:room].strip(b'\0'):
            self.fail(offset, 'bytes stand behind the last record of a sealed segment')


def segments(folder):
    """The segments in order, read and checked, each with its events."""
    folder = pathlib.Path(folder)
    found = sorted((int(m.group(1)), folder / name.name)
        for name in folder.iterdir() if (m := NAME.match(name.name)))
    number, previous = 1, bytes(32)
    for place, (index, path) in enumerate(found, 1):
        if index != place:
            raise Damage(f'segment {place} is missing')
        segment = Segment(path, index)
        number = segment.read(number, previous)
        if segment.seal is None and place < len(found):
            raise Damage(f'{path.name} has no readable seal, and is not the last one')
        previous = segment.seal[4] if segment.seal is not None else None
        yield segment


TRANSACTION, CONFLICT = 1, 2
KINDS_WITH_RECORD = (TRANSACTION, CONFLICT)
RECORD_1 = struct.Struct('<BBBBIQII32s')
RECORD_2 = struct.Struct('<BBBBIQII32sII')


class Record:
    """The payload of a transaction or a conflict."""

    def __init__(self, payload, where):
        form = RECORD_1 if payload[:1] == b'\1' else RECORD_2
        if payload[:1] not in (b'\1', b'\2', b'\3') or len(payload) < form.size:
            raise Damage(f'{where}: a record of version {payload[:1].hex()}')
        fields = form.unpack_from(payload)
        _, door, store, register, date, sequence, self.revision, findings, self.hash = fields[:9]
        raw, sealed = fields[9:11] if form is RECORD_2 else (0, 0)
        if sealed and payload[:1] != b'\3':
            raise Damage(f'{where}: a record of version 2 with a sealed part')
        at = form.size
        texts = []
        for length in (door, store, register, findings, raw, sealed):
            texts.append(payload[at:at + length])
            at += length
        if at >= len(payload):
            raise Damage(f'{where}: a record without a document')
        self.door, self.store, self.register = (text.decode() for text in texts[:3])
        date = f'{date:08}'
        self.date = f'{date[:4]}-{date[4:6]}-{date[6:]}'
        self.sequence = sequence
        self.sealed, self.payload = texts[5], payload
        self.document = payload[at:]
        self.key = f'{self.store}/{self.register}/{self.date}/{self.sequence}'
