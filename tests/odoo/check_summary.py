#!/usr/bin/env python3
"""What the double of Odoo holds after the contract's tests: no order twice, no draft, and calls that
met another writer. Ends with 1 and says what is wrong otherwise.

    check_summary.py http://127.0.0.1:PORT/double/summary
"""
import json
import sys
import urllib.request


def main():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(sys.argv[1], timeout=10) as answer:
        held = json.load(answer)
    wrong = [name for name in ("duplicates", "drafts") if held[name] != 0]
    wrong += [name for name in ("orders", "conflicts") if held[name] == 0]
    for name in wrong:
        print(f"{name}: {held[name]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
