#!/usr/bin/python3
"""Folders are layers: a room of src/ includes only itself and rooms that stand before it.

A quoted include is written "room/file.h" everywhere, so that this check can read it. Prints each
offence as file:line and closes with "N passed, N failed", counted in files.

  check_layers.py [ROOT]
"""
import pathlib
import re
import sys

ROOMS = ['base', 'retail', 'map', 'journal', 'store', 'net', 'subjects', 'access', 'intake', 'stock', 'books',
    'pricing', 'demand', 'deliver', 'erp', 'lake', 'govern', 'sandbox', 'watch', 'api', 'app']
SEE_ALL = {'watch', 'api', 'app'}
# What these may see has nothing to do with their place in the list: the sandbox ERP stands for
# somebody else's program, and the edge library runs on a till.
SEE_ONLY = {'sandbox': {'base', 'retail', 'net'}, 'edge': {'base', 'retail'}}

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


def visible(room):
    """The rooms that a file of `room` may include, its own among them."""
    if room in SEE_ONLY:
        return SEE_ONLY[room] | {room}
    if room == 'app':
        return set(ROOMS) | {'edge'}
    if room in SEE_ALL:
        return set(ROOMS)
    return set(ROOMS[:ROOMS.index(room) + 1])


def offences(path, room):
    seen = visible(room)
    for number, text in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        match = INCLUDE.match(text)
        if match is None:
            continue
        name = match.group(1)
        target, slash, _ = name.partition('/')
        if not slash:
            yield number, f'"{name}" has no room: write "{room}/{name}"'
        elif target not in ROOMS and target != 'edge':
            yield number, f'"{name}": there is no room {target}/'
        elif target not in seen:
            yield number, f'{room}/ may not include "{name}": {target}/ is not below it'


def sources(root):
    """Every C file with its room."""
    for path in sorted((root / 'src').rglob('*.[ch]')):
        yield path, path.relative_to(root / 'src').parts[0]
    for path in sorted((root / 'edge').rglob('*.[ch]')):
        yield path, 'edge'


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + '/../..').resolve()
    passed = failed = 0
    for path, room in sources(root):
        name = path.relative_to(root)
        if room not in ROOMS and room != 'edge':
            found = [(1, f'{room}/ is no room: add it to ROOMS in tests/check_layers.py')]
        else:
            found = list(offences(path, room))
        for number, text in found:
            print(f'{name}:{number}: {text}')
        passed += not found
        failed += bool(found)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
