#!/usr/bin/python3
"""Writes the configuration with which `tillbridge serve` posts everything to a Tryton server that
tests/tryton/tryton_server.py has set up.

  tryton_config.py IDS_JSON CONFIG_YAML --listen ADDRESS:PORT --data FOLDER

IDS_JSON is what tryton_server.py left: address, database, names and where the password stands.
"""
import argparse
import json
import os

# The entries of ids.json that are options of the connector under the same name. For the others the
# server was seeded with what the connector expects by default.
OPTIONS = ['url', 'database', 'user', 'password_file']


def text(value):
    """A YAML scalar: JSON's strings are YAML's."""
    return json.dumps(str(value))


def configuration(ids, options):
    lines = [
        '# Written by script/tryton_config.py: every store posts to one Tryton server.',
        f'listen: {text(options.listen)}',
        f'data: {text(os.path.abspath(options.data))}',
        'erps:',
        '  tryton:',
        '    connector: tryton',
    ]
    lines += [f'    {name}: {text(ids[name])}' for name in OPTIONS]
    lines += ['default_erp: tryton']
    return '\n'.join(lines) + '\n'


def main():
    parser = argparse.ArgumentParser(description='A configuration for serve, with Tryton.')
    parser.add_argument('ids', help='ids.json of tryton_server.py')
    parser.add_argument('config', help='the file to write')
    parser.add_argument('--listen', required=True)
    parser.add_argument('--data', required=True)
    options = parser.parse_args()
    with open(options.ids, encoding='utf-8') as file:
        ids = json.load(file)
    with open(options.config, 'w', encoding='utf-8') as file:
        file.write(configuration(ids, options))


if __name__ == '__main__':
    main()
