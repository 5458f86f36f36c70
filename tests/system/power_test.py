#!/usr/bin/python3
"""Goal: what was acknowledged survives a power cut. Method: a file system of its own in a file (loop
device), the server and its load on it; at a random moment the server is stopped (SIGSTOP, so that it
acknowledges nothing behind the cut), the file system is shut down without flushing its log
(FS_IOC_SHUTDOWN), the server is killed, and the file system is mounted again as after a power failure.
The server starts, takes what was not answered, and the auditor goes over everything.

The control runs the same with syncs that do nothing (inject.c), and the auditor must find a loss.

  power_test.py --program FILE --library inject.so --work FOLDER [--rounds N] [--seed N] [ext4|xfs ...]

Needs root and loop devices. Where they are not to be had it prints NOT RUN and why."""
import argparse
import fcntl
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import time

import fault
import rig

SHUTDOWN = 2 << 30 | 4 << 16 | ord('X') << 8 | 125   # _IOR('X', 125, uint32_t)
NO_LOG_FLUSH = 2
MAKE = {'ext4': ['mkfs.ext4', '-q', '-F'], 'xfs': ['mkfs.xfs', '-q', '-f']}
IMAGE_BYTES = 400 << 20
CONTROL_ROUNDS = 8


class CannotRun(RuntimeError):
    """This machine does not allow it."""


class Disk:
    """A file system in a file."""

    def __init__(self, folder, kind):
        self.image, self.place = folder / f'{kind}.img', folder / kind
        self.mounted = False
        self.place.mkdir()
        with open(self.image, 'wb') as image:
            image.truncate(IMAGE_BYTES)
        self.run(*MAKE[kind], str(self.image))

    def run(self, *command):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise CannotRun(f'{command[0]} is not installed') from error
        except subprocess.CalledProcessError as error:
            raise CannotRun(f'{" ".join(command)}: {error.stderr.strip()}') from error

    def mount(self):
        self.run('mount', '-o', 'loop', str(self.image), str(self.place))
        self.mounted = True

    def unmount(self):
        if self.mounted:
            self.run('umount', str(self.place))
        self.mounted = False

    def cut(self):
        fd = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
        finally:
            os.close(fd)


def one_cut(run, disk, dice, plan):
    if not run.start(plan):
        raise RuntimeError('the server does not start')
    run.load.start()
    time.sleep(dice.uniform(0.03, 0.3))
    run.server.process.send_signal(signal.SIGSTOP)
    disk.cut()
    run.server.kill()
    run.load.stop()
    run.hang_up()
    disk.unmount()
    disk.mount()


def rounds(options, kind, disk, count, plan):
    """Findings of so many cuts, the first of them with its round; all rounds on one disk, the data
    folder is a new one every ten rounds."""
    dice = random.Random(f'{options.seed} {kind} {plan}')
    for number in range(count):
        if number % 10 == 0:
            run = fault.Run(options.program, options.library, options.work / 'run',
                options.seed + number)
            run.server.command[run.server.command.index(str(run.data))] = str(
                disk.place / f'{number}{"c" if plan else ""}')
            run.data = run.server.data = disk.place / f'{number}{"c" if plan else ""}'
        try:
            one_cut(run, disk, dice, plan)
            run.recover(repeat=20)
        finally:
            if run.server.running():
                run.server.kill()
        if run.findings or number % 10 == 9 or number + 1 == count:
            acknowledged.append(run.load.log.acknowledged)
            run.close()
            subprocess.run(['rm', '-rf', str(run.data)], check=True)
        if run.findings:
            return [f'round {number + 1}: {run.findings[0]}']
    return []


acknowledged = []


def one_kind(options, kind, claims):
    disk = Disk(options.work, kind)
    try:
        disk.mount()
        found = rounds(options, kind, disk, options.rounds, '')
        claims.claim(f'{kind}: {options.rounds} power cuts, {sum(acknowledged)} acknowledgements: '
            f'{found[0] if found else "nothing found"}', not found)
        lost = rounds(options, kind, disk, CONTROL_ROUNDS, 'sync:1:lie:ever')
        claims.claim(f'{kind}: the control, without syncs: '
            f'{lost[0] if lost else "nothing was lost, so the cuts prove nothing"}', lost)
    finally:
        disk.unmount()
        disk.image.unlink()


def main():
    parser = argparse.ArgumentParser(description='Power cuts on file systems of their own.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--library', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True, help='a folder that is emptied')
    parser.add_argument('--rounds', type=int, default=15, help='cuts a file system')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('kinds', nargs='*', metavar='KIND', help=f'default: {" ".join(MAKE)}')
    options = parser.parse_args()
    options.program, options.library = options.program.absolute(), options.library.absolute()
    options.work = rig.empty(options.work)
    claims, idle = rig.Claims(), 0
    print(f'seed {options.seed}')
    for kind in options.kinds or MAKE:
        acknowledged.clear()
        try:
            one_kind(options, kind, claims)
        except CannotRun as error:
            print(f'NOT RUN power cuts on {kind}: {error}')
            idle += 1
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            claims.claim(f'{kind}: the run comes to its end ({error!r})', False)
    return 0 if idle and not claims.failed and not claims.passed else claims.close()


if __name__ == '__main__':
    sys.exit(main())
