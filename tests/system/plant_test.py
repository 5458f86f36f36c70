#!/usr/bin/python3
"""Goal: the auditor can be believed. Method: the program is built wrong in one place at a time
(PLANTED(n) of src/base/plant.h), runs under load with the fault that brings the bug to light, and the
auditor must report it; the program as it is goes through the same runs without a finding.

  plant_test.py --build FOLDER --work FOLDER [--seed N] [PLANT ...]
"""
import argparse
import json
import pathlib
import shlex
import shutil
import struct
import subprocess
import sys

import fault
import rig
from audit import audit
from journal_file import Damage, crc32c, segments

TRIES = 6


def plain(run, _):
    run.start()
    run.load.run(60)
    run.server.kill()
    run.audit(applied=False)
    run.recover()


def planned(plan, stall_ms=0):
    """A run with a plan in which {} is the number of the call, another one at each try."""
    def scenario(run, attempt):
        run.start()
        run.load.run(20)
        run.server.kill()
        run.under_fault(plan.format(9 + 7 * attempt), 60, stall_ms)
        run.audit(applied=False)
        run.recover()
    return scenario


def forged(run, _):
    """Somebody changes a word in a sealed segment and mends the record's own checksum."""
    run.start()
    run.load.run(60)
    run.server.stop()
    copy = run.folder / 'forged'
    shutil.copytree(run.data, copy)
    event = next(e for s in segments(copy / 'journal') if s.seal for e in s.events
        if b'xxxx' in e.payload)
    name, offset = event.where.split(':')
    forge(copy / 'journal' / name, int(offset))
    seen = any('the seal says' in sentence for sentence in audit([run.log], copy, False)[0].found)
    verified = subprocess.run([run.server.command[0], 'verify', '--data', str(copy)],
        capture_output=True).returncode == 0
    if not seen:
        raise RuntimeError('the auditor does not see a forged segment')
    if verified:
        run.note('the auditor sees that a segment was forged, `tillbridge verify` does not')


def forge(path, offset):
    data = bytearray(path.read_bytes())
    place = data.index(b'xxxx', offset)
    data[place:place + 4] = b'yyyy'
    length, = struct.unpack_from('<I', data, offset + 8)
    end = offset + 48 + (length + 7 & ~7)
    struct.pack_into('<I', data, offset + 4, crc32c(data[offset + 8:end]))
    path.write_bytes(data)


PLANTS = {
    1: ('acknowledges before the sync', planned('sync@.segment:{}:cut', 200)),
    2: ('knows a repetition by its key alone', plain),
    3: ('ignores that a sync failed', planned('sync@.segment:{}:eio,sync@.segment:60:cut')),
    4: ('commits the state before its checkpoint', planned('write@state.db-wal:{}:kill')),
    5: ('takes returned goods out of stock', plain),
    6: ('gives a repetition another receipt', plain),
    7: ('takes a torn record without its checksum', planned('sync@.segment:{}:tear')),
    8: ('applies the second content of a key', plain),
    9: ('loses the last line of a request', plain),
    10: ('seals without the bytes behind the last record', plain),
    11: ('verifies without looking at the seal', forged),
    12: ('answers a line with what became of its neighbour', plain),
    13: ('forgets every key at a restart', plain),
    14: ('keeps the key of a subject in memory only', plain),
}


class Builder:
    """Compiles the files that hold a plant once more and links them in front of the rest."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.commands = [c for c in json.loads((build / 'compile_commands.json').read_text())
            if 'tillbridge-core' in c['output']]
        lines = subprocess.run(['ninja', '-C', str(build), '-t', 'commands', 'tillbridge'],
            check=True, capture_output=True, text=True).stdout.splitlines()
        self.link = next(shlex.split(line) for line in reversed(lines) if ' -o tillbridge ' in line)

    def make(self, plant):
        objects = []
        for command in self.commands:
            source = (self.build / command['file']).resolve()
            if f'PLANTED({plant})' not in source.read_text():
                continue
            words = shlex.split(command['command'])
            target = self.folder / f'{source.stem}-{plant}.o'
            words[words.index('-o') + 1] = str(target)
            subprocess.run([*words, f'-DPLANT_{plant}=1', '-Wno-unreachable-code'], cwd=self.build,
                check=True)
            objects.append(str(target))
        if not objects:
            raise RuntimeError(f'PLANTED({plant}) stands nowhere')
        words, program = list(self.link), self.folder / f'tillbridge-{plant}'
        words[words.index('-o') + 1] = str(program)
        at = next(i for i, word in enumerate(words) if word.endswith('main.c.o'))
        subprocess.run([*words[:at], *objects, *words[at:]], cwd=self.build, check=True)
        return program


def findings_of(program, library, folder, seed, scenario, tries):
    """What the auditor finds; ends with the first try that brings something to light."""
    for attempt in range(tries):
        run = fault.Run(program, library, folder, seed + attempt, long=True)
        try:
            scenario(run, attempt)
        finally:
            run.close()
        if run.findings:
            return run.findings
    return []


def main():
    parser = argparse.ArgumentParser(description='Shows that the auditor catches planted bugs.')
    parser.add_argument('--build', required=True, help='a build folder without sanitizers')
    parser.add_argument('--work', required=True, help='a folder that is emptied')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('plants', nargs='*', type=int, metavar='PLANT', help='default: all')
    options = parser.parse_args()
    build, claims = pathlib.Path(options.build).absolute(), rig.Claims()
    work = rig.empty(options.work)
    library = build / 'tests' / 'system' / 'inject.so'
    builder = Builder(build, work)
    print(f'seed {options.seed}')
    for plant in options.plants or PLANTS:
        what, scenario = PLANTS[plant]
        try:
            found = findings_of(builder.make(plant), library, work / 'run', options.seed, scenario,
                TRIES)
            claims.claim(f'{plant:2} {what}: {found[0] if found else "not noticed"}', found)
            clean = findings_of(build / 'tillbridge', library, work / 'run', options.seed,
                scenario, 1 if scenario is plain else 2)
            claims.claim(f'{plant:2} the same run of the program as it is: '
                f'{clean[0] if clean else "nothing found"}', not clean)
        except (OSError, RuntimeError, Damage, subprocess.SubprocessError) as error:
            claims.claim(f'{plant:2} {what}: the run comes to its end ({error})', False)
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
