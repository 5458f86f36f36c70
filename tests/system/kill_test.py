#!/usr/bin/python3
"""Goal: a server that is killed loses nothing and doubles nothing. Method: tills send as fast as they
can, the server is killed (SIGKILL) after a random while, sometimes once more while it recovers, and is
started again; after every round the auditor compares promises, journal and state. Every few rounds
begin with a new data folder; before, all that the sandbox ERP has is counted: no sale twice.

  kill_test.py --program FILE --work FOLDER [--rounds N] [--seed N]
"""
import argparse
import pathlib
import random
import subprocess
import sys
import time

import load
import rig
from audit import audit

ROUNDS_A_FOLDER = 10
TILLS = 16


class Site:
    """A server, a sandbox ERP and tills on a new folder."""

    def __init__(self, program, folder, seed):
        self.folder, self.data = rig.empty(folder), pathlib.Path(folder) / 'data'
        port = rig.free_port()
        erp_url = f'http://127.0.0.1:{port}'
        self.erp = rig.Server('sandbox-erp', [str(program), 'sandbox-erp', '--listen',
            f'127.0.0.1:{port}', '--data', str(self.folder / 'erp')], erp_url + '/api/summary',
            self.folder / 'erp.log')
        self.server = rig.serve(program, self.folder, self.data, '--erp-url', erp_url)
        self.log = self.folder / 'load.log'
        self.load = load.Load(self.log, self.server.url, seed, TILLS)
        self.erp.start()

    def round(self, dice):
        """What the auditor found."""
        self.server.start()
        self.load.start()
        time.sleep(dice.uniform(0.02, 0.25))
        self.server.kill()
        found = [] if self.load.stop() else ['a till hangs']
        for till in self.load.tills:
            till.hang_up()
        if dice.random() < 0.3:
            self.kill_while_it_recovers(dice)
        self.server.start()
        if not (self.load.settle() and self.load.repeat(3)):
            found.append('a till was not answered after the recovery')
        for till in self.load.tills:
            till.hang_up()
        self.server.kill()
        return found + audit([self.log], self.data, False)[0].found

    def kill_while_it_recovers(self, dice):
        with open(self.server.log, 'ab') as log:
            process = subprocess.Popen(self.server.command, stdout=log, stderr=log)
        time.sleep(dice.uniform(0, 0.05))
        process.kill()
        process.wait()

    def rest(self):
        """Everything applied and posted; what is wrong then."""
        self.server.start()
        found = [] if rig.wait_applied(self.server) else ['the state does not catch up']
        until = time.monotonic() + 120
        while self.waiting() and time.monotonic() < until:
            time.sleep(0.05)
        if self.waiting():
            found.append(f'{self.waiting()} postings do not come to rest')
        summary = rig.get(self.erp.ready_url)
        if summary['duplicates'] or summary['documents'] != summary['references']:
            found.append(f'the ERP has sales twice: {summary}')
        if not self.server.stop() or not self.erp.stop():
            found.append('a server does not stop when it is asked to')
        return found + audit([self.log], self.data, True)[0].found

    def waiting(self):
        delivery = rig.get(self.server.url + '/v1/status')['delivery']
        return sum(delivery[state] for state in ('planned', 'called', 'unknown', 'settled'))

    def close(self):
        for server in (self.server, self.erp):
            if server.running():
                server.kill()
        self.load.close()


def main():
    parser = argparse.ArgumentParser(description='Kills the server under load, round by round.')
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('--work', required=True, help='a folder that is emptied')
    parser.add_argument('--rounds', type=int, default=50)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    dice, claims = random.Random(options.seed), rig.Claims()
    kills = acknowledged = 0
    print(f'seed {options.seed}')
    while kills < options.rounds:
        site = Site(options.program.absolute(), pathlib.Path(options.work) / 'run',
            options.seed + kills)
        try:
            first, found = kills, []
            while kills < options.rounds and kills < first + ROUNDS_A_FOLDER and not found:
                found = site.round(dice)
                kills += 1
            found = found or site.rest()
            acknowledged += site.load.log.acknowledged
            claims.claim(f'rounds {first + 1} to {kills}: {found[0] if found else "nothing found"}',
                not found)
        except (OSError, RuntimeError, KeyError) as error:
            claims.claim(f'rounds {first + 1} to {kills + 1} come to their end ({error!r})', False)
            kills = first + ROUNDS_A_FOLDER
        finally:
            site.close()
    claims.claim(f'{kills} kills, {acknowledged} acknowledgements', acknowledged > 0)
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
