#!/usr/bin/env python3
"""Writes a C file with the bytes of the dashboard's files and of the contract.

usage: embed.py OUTPUT OPENAPI_YAML WEB_FILE...
"""
import json
import os
import sys

import yaml

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
    ".json": "application/json",
}


def array(name, content):
    lines = [f"static const unsigned char {name}[] = {{"]
    for at in range(0, len(content), 16):
        lines.append("\t" + ", ".join(str(byte) for byte in content[at : at + 16]) + ",")
    lines.append("\t0\n};\n")
    return "\n".join(lines)


def main():
    output, contract, *files = sys.argv[1:]
    with open(contract, "rb") as stream:
        contract_yaml = stream.read()
    assets = [
        ("/openapi.yaml", TYPES[".yaml"], contract_yaml),
        ("/openapi.json", TYPES[".json"], json.dumps(yaml.safe_load(contract_yaml), default=str).encode()),
    ]
    for path in files:
        name = os.path.basename(path)
        with open(path, "rb") as stream:
            content = stream.read()
        url = "/" if name == "index.html" else "/" + name
        assets.append((url, TYPES[os.path.splitext(name)[1]], content))
    with open(output, "w") as out:
        out.write('#include "api/assets.h"\n\n')
        for number, (_, _, content) in enumerate(assets):
            out.write(array(f"asset_{number}", content))
        out.write("const struct asset assets[] = {\n")
        for number, (url, content_type, content) in enumerate(assets):
            out.write(f'\t{{ "{url}", "{content_type}", asset_{number}, {len(content)} }},\n')
        out.write("\t{ 0 },\n};\n")


if __name__ == "__main__":
    main()
