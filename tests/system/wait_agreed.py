#!/usr/bin/python3
"""Waits until a server has nothing more to do: everything accepted is applied, posted and read back.

  wait_agreed.py --url http://127.0.0.1:8080 [--accepted N] [--timeout SECONDS]

Exit 0 when that is so and every posting agrees; 1 with a sentence when postings were refused or
differ, or when the time is over.
"""
import argparse
import json
import sys
import time
import urllib.request

WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def status(url):
    with WEB.open(url + '/v1/status', timeout=10) as response:
        return json.load(response)


def waiting(found, accepted):
    """What is still under way, as words; an empty list when nothing is."""
    delivery = found['delivery']
    under_way = ('planned', 'called', 'unknown', 'settled', 'waiting')
    rest = [f'{delivery[state]} {state}' for state in under_way if delivery[state]]
    if found['apply']['behind']:
        rest.append(f'{found["apply"]["behind"]} events not applied')
    if found['intake']['accepted'] < accepted:
        rest.append(f'{found["intake"]["accepted"]} of {accepted} accepted')
    return rest


def main():
    parser = argparse.ArgumentParser(description='Waits until every posting is read back.')
    parser.add_argument('--url', required=True)
    parser.add_argument('--accepted', type=int, default=0, help='at least so many transactions')
    parser.add_argument('--timeout', type=float, default=300, help='seconds (default 300)')
    options = parser.parse_args()
    until = time.monotonic() + options.timeout
    while True:
        try:
            found = status(options.url)
            rest = waiting(found, options.accepted)
        except OSError as error:
            rest = [f'no answer: {error}']
        if not rest:
            break
        if time.monotonic() > until:
            print(f'after {options.timeout:.0f} s: {", ".join(rest)}')
            return 1
        time.sleep(0.2)
    delivery = found['delivery']
    print(f'{found["intake"]["accepted"]} accepted, {delivery["agreed"]} agreed, '
        f'{delivery["differs"]} differ, {delivery["refused"]} refused')
    return 1 if delivery['differs'] or delivery['refused'] else 0


if __name__ == '__main__':
    sys.exit(main())
