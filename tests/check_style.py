#!/usr/bin/python3
"""What a reader of the tree should not meet: endless files and functions, promises instead of
code, and paths of the machine that somebody worked on.

Reads the files that git tracks. Sizes over the soft limits are listed; only those over the hard
limits fail. Closes with "N passed, N failed", counted in files.

  check_style.py [ROOT]
"""
import pathlib
import re
import subprocess
import sys

FILE_LINES_SOFT, FILE_LINES_HARD = 600, 1000
FUNCTION_LINES_SOFT, FUNCTION_LINES_HARD = 80, 120

# Split so that this file does not find itself.
FORBIDDEN = [
    (re.compile(r'\b(TO' 'DO|FIX' 'ME|XX' 'X)\\b'), 'is a promise: do it, or file an issue'),
    (re.compile(r'(?<![\w.])/wo' r'rk/'), 'is a path of one machine'),
    (re.compile(r'(?<![\w.])/(home|Users)/\w+/'), 'is a path of one machine'),
    (re.compile(r'registry\.npm' r'js\.org|deb\.deb' r'ian\.org|pypi\.o' r'rg|crates\.i' r'o\b'),
        'is a registry: say the package, not where it came from'),
]
TEXT = {'.c', '.h', '.py', '.sh', '.js', '.mjs', '.lua', '.md', '.yaml', '.yml', '.json', '.html',
    '.css', '.build', '.txt', '.service', '.1', '.options', ''}


def tracked(root):
    out = subprocess.run(['git', 'ls-files', '-z'], cwd=root, check=True, capture_output=True)
    return [pathlib.Path(name) for name in out.stdout.decode().split('\0') if name]


def functions(lines):
    """(name, first line, number of lines) of each function of a C file in our format: the body
    opens with a brace in column 0 after a line that starts a declarator, and so it closes."""
    start = head = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            start = number
        elif line.startswith('}') and start is not None:
            name = re.search(r'(\w+)\s*\(', head or '')
            yield (name.group(1) if name else '?'), start, number - start + 1
            start = None
        elif start is None and line and not line[0].isspace() and line[0] not in '/*#}':
            head = line


def sizes(path, lines):
    """(is it over the hard limit, where, sentence)"""
    if len(lines) > FILE_LINES_SOFT:
        yield (len(lines) > FILE_LINES_HARD, f'{path}',
            f'has {len(lines)} lines; {FILE_LINES_SOFT} are many, {FILE_LINES_HARD} the limit')
    for name, start, count in functions(lines):
        if count > FUNCTION_LINES_SOFT:
            yield (count > FUNCTION_LINES_HARD, f'{path}:{start}', f'{name}() has {count} lines; '
                f'{FUNCTION_LINES_SOFT} are many, {FUNCTION_LINES_HARD} the limit')


def words(path, lines):
    for number, line in enumerate(lines, 1):
        for pattern, why in FORBIDDEN:
            match = pattern.search(line)
            if match:
                yield True, f'{path}:{number}', f'"{match.group(0)}" {why}'


def check(root, path):
    """All findings of one tracked file."""
    if path.suffix not in TEXT or 'corpus' in path.parts:
        return []
    try:
        lines = (root / path).read_text(encoding='utf-8').splitlines()
    except (UnicodeDecodeError, FileNotFoundError):
        return []   # a picture, or removed and not yet committed
    found = list(words(path, lines))
    if path.suffix in ('.c', '.h'):
        found += sizes(path, lines)
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + '/../..').resolve()
    passed = failed = 0
    for path in tracked(root):
        found = check(root, path)
        for hard, where, sentence in found:
            print(f'{"error" if hard else "note "} {where}: {sentence}')
        bad = any(hard for hard, _, _ in found)
        passed += not bad
        failed += bad
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
