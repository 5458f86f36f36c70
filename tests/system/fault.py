"""A server under load with a fault plan (inject.c), its recovery, and the audit of both."""
import os
import struct

import load
import rig
from audit import audit

TILLS = 6


def environment(library, data, plan, stall_ms=0, tally=None):
    """The environment of a server whose calls on `data` are counted and made to fail."""
    own = dict(os.environ, LD_PRELOAD=str(library), INJECT_FOLDER=str(data), INJECT_PLAN=plan,
        INJECT_STALL_MS=str(stall_ms))
    if tally is not None:
        own['INJECT_TALLY'] = str(tally)
    # The library has to stand before the sanitizer's own.
    own['ASAN_OPTIONS'] = own.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'
    return own


def read_tally(path):
    """(calls seen, plan entries that came due)"""
    try:
        return struct.unpack('<QQ', path.read_bytes())
    except (OSError, struct.error):
        return 0, 0


class Run:
    """One data folder, one log, one server program; phases with and without faults."""

    def __init__(self, program, library, folder, seed, tills=TILLS, long=False):
        self.folder = rig.empty(folder)
        self.data = self.folder / 'data'
        self.library, self.tally = library, self.folder / 'tally'
        self.server = rig.serve(program, self.folder, self.data)
        self.log = self.folder / 'load.log'
        self.load = load.Load(self.log, self.server.url, seed, tills, long)
        self.findings = []

    def note(self, *sentences):
        self.findings.extend(sentences)

    def start(self, plan='', stall_ms=0):
        """False when the server did not become ready, which a plan may well bring about."""
        self.tally.unlink(missing_ok=True)
        try:
            self.server.start(environment(self.library, self.data, plan, stall_ms, self.tally)
                if plan else None)
        except rig.Ended as ended:
            if self.server.running():
                self.server.kill()
            if not plan:
                self.note(str(ended))
            return False
        return True

    def under_fault(self, plan, steps, stall_ms=0):
        """Load until it has taken its steps or the server is gone. Whether the plan came due."""
        self.hang_up()
        if self.start(plan, stall_ms):
            if not self.load.run(steps):
                self.note('a till was not answered for minutes')
        if self.server.running():
            self.server.kill()
        self.hang_up()
        return read_tally(self.tally)[1] > 0

    def hang_up(self):
        for till in self.load.tills:
            till.hang_up()

    def audit(self, applied):
        if (self.data / 'state.db').exists():
            self.note(*audit([self.log], self.data, applied)[0].found)

    def recover(self, repeat=60):
        """The server as it is without faults, what was not answered, repetitions, and the audit of
        everything. An orderly end, so that all is applied."""
        self.hang_up()
        if not self.start():
            return
        if not (self.load.settle() and self.load.repeat(repeat)):
            self.note('a till was not answered after the recovery')
        elif not rig.wait_applied(self.server):
            self.note('the state does not catch up with the journal')
        if not self.server.stop():
            self.note('the server does not stop when it is asked to')
        self.hang_up()
        self.audit(applied=True)

    def close(self):
        if self.server.running():
            self.server.kill()
        self.load.close()
