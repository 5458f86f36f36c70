#!/usr/bin/python3
"""Goal: `tillbridge send` hands sales over under TLS to the server it was told to, and to no other.

Method: servers with a certificate for "localhost", one of them expired; the sender is right, or has no
authority, or asks for another name. What a server has is read from its status afterwards.

  send_test.py --program FILE --work FOLDER
"""
import argparse
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

from rig import Claims, empty, free_port

SALES = 50
# Asks a server of this test what it has; whose certificate it is is the sender's to judge.
UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname, UNVERIFIED.verify_mode = False, ssl.CERT_NONE


def certificate(folder, name, days):
    """A certificate for "localhost" that it signed itself; with -1 days it has expired."""
    cert, key, wish = (folder / f'{name}.{end}' for end in ('crt', 'key', 'csr'))
    subprocess.run(['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
        '-nodes', '-keyout', str(key), '-out', str(wish), '-subj', '/CN=centre', '-addext',
        'subjectAltName=DNS:localhost'], check=True, capture_output=True)
    subprocess.run(['openssl', 'x509', '-req', '-in', str(wish), '-signkey', str(key), '-days',
        str(days), '-copy_extensions', 'copy', '-out', str(cert)], check=True, capture_output=True)
    return cert, key


class Centre:
    """A server under TLS."""

    def __init__(self, program, folder, name, days):
        self.cert, key = certificate(folder, name, days)
        self.port = free_port()
        with open(folder / f'{name}.log', 'wb') as log:
            self.process = subprocess.Popen([program, 'serve', '--dev', '--no-erp', '--data',
                str(folder / name), '--listen', f'127.0.0.1:{self.port}', '--tls-cert',
                str(self.cert), '--tls-key', str(key)], stderr=log)

    def wait(self):
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.01)
        return False

    def events(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=UNVERIFIED))
        with opener.open(f'https://127.0.0.1:{self.port}/v1/status', timeout=10) as answer:
            return json.load(answer)['journal']['durable_event']

    def stop(self):
        self.process.terminate()
        return self.process.wait(60) == 0


def write_sales(path):
    with open(path, 'w', encoding='utf-8') as file:
        for number in range(1, SALES + 1):
            json.dump({'store': '0042', 'register': f'0{number % 3}', 'business_date': '2026-11-23',
                'sequence': number, 'type': 'no_sale' if number != 7 else 'nonsense',
                'closed_at': '2026-11-23T10:00:00Z'}, file)
            file.write('\n')


def refused(claims, centre, send, name, host, options, expected):
    before = centre.events()
    done = send(host, centre.port, *options)
    claims.claim(f'{name}: {done.stderr.strip().splitlines()[-1]}',
        done.returncode not in (0, 1) and expected in done.stderr and f'{host}:' in done.stderr)
    claims.claim('and it got nothing', centre.events() == before)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--program', required=True)
    parser.add_argument('--work', required=True)
    options = parser.parse_args()
    claims, folder = Claims(), empty(pathlib.Path(options.work))
    sales = folder / 'sales.ndjson'
    write_sales(sales)
    centre = Centre(options.program, folder, 'good', 2)
    old = Centre(options.program, folder, 'expired', -1)

    def send(host, port, *more):
        return subprocess.run([options.program, 'send', str(sales), '--to', f'https://{host}:{port}',
            *more], capture_output=True, text=True, timeout=300)

    try:
        claims.claim('the servers start', centre.wait() and old.wait())
        ours = ('--ca-file', str(centre.cert))
        refused(claims, centre, send, 'an authority that is not known', 'localhost', (),
            'the certificate is not trusted: self-signed certificate')
        refused(claims, centre, send, 'another name', '127.0.0.1', ours, 'mismatch')
        refused(claims, old, send, 'an expired certificate', 'localhost',
            ('--ca-file', str(old.cert)), 'certificate has expired')
        done = send('localhost', centre.port, *ours)
        claims.claim(f'the right server takes the sales: {done.stderr.strip().splitlines()[-1]}',
            f' {SALES - 1} accepted, 0 duplicates, 0 conflicts, 1 refused, 0 sent again' in done.stderr
            and done.returncode == 1)
        claims.claim('what is refused is named by file and line',
            f'{sales}:7: refused with 4' in done.stderr)
        done = send('localhost', centre.port, *ours)
        claims.claim('sent again they are duplicates', f' {SALES - 1} duplicates' in done.stderr)
    finally:
        claims.claim('the servers stop by themselves', all([centre.stop(), old.stop()]))
    return claims.close()


if __name__ == '__main__':
    sys.exit(main())
