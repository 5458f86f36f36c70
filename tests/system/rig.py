"""What the system tests share: claims, free ports, and servers that are started again and again."""
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / 'checkers'))
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Claims:

    def __init__(self):
        self.passed = self.failed = 0

    def claim(self, what, holds):
        print(f'{"ok    " if holds else "FAILED"} {what}', flush=True)
        self.passed += bool(holds)
        self.failed += not holds
        return holds

    def close(self):
        """The closing line; what the program ends with."""
        print(f'{self.passed} passed, {self.failed} failed')
        return 1 if self.failed or not self.passed else 0


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Ended(RuntimeError):
    """A server ended before it was ready."""


class Server:
    """One server that is started again on the same port and data each time it was killed."""

    def __init__(self, name, command, ready_url, log):
        self.name, self.command, self.ready_url, self.log = name, command, ready_url, log
        self.process = None

    def start(self, environment=None):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=environment)
        until = time.monotonic() + 60
        while True:
            try:
                WEB.open(self.ready_url, timeout=2).close()
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise Ended(f'{self.name} did not become ready: {error}') from error
            time.sleep(0.01)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """True when it ended by itself, with 0."""
        if not self.running():
            return False
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False


def get(url):
    with WEB.open(url, timeout=10) as response:
        return json.load(response)


def serve(program, folder, data, *options):
    """A tillbridge that posts nowhere and has small segments, not started yet."""
    port = free_port()
    command = [str(program), 'serve', '--dev', '--data', str(data), '--listen',
        f'127.0.0.1:{port}', '--segment-bytes', '64K', *options]
    if '--erp-url' not in options:
        command.append('--no-erp')
    server = Server('serve', command, f'http://127.0.0.1:{port}/readyz', folder / 'serve.log')
    server.port, server.data = port, pathlib.Path(data)
    server.url = f'http://127.0.0.1:{port}'
    return server


def wait_applied(server):
    """Until the state has everything that the journal has. Quiet afterwards, as nobody sends."""
    until = time.monotonic() + 60
    while server.running() and time.monotonic() < until:
        status = get(server.url + '/v1/status')
        if status['journal']['durable_event'] == status['apply']['event']:
            return True
        time.sleep(0.01)
    return False


def empty(path):
    """A new empty folder in place of whatever was there."""
    path = pathlib.Path(path).absolute()
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
