#!/usr/bin/env python3
"""Writes a C file with the shipped mappings as they are; the name of each is its file's.

usage: embed.py OUTPUT MAPPING_YAML...
"""
import os
import sys


def array(name, content):
    lines = [f"static const unsigned char {name}[] = {{"]
    for at in range(0, len(content), 16):
        lines.append("\t" + ", ".join(str(byte) for byte in content[at : at + 16]) + ",")
    lines.append("\t0\n};\n")
    return "\n".join(lines)


def main():
    output, *paths = sys.argv[1:]
    rows = []
    with open(output, "w") as out:
        out.write('#include "map/mapping.h"\n\n')
        for number, path in enumerate(sorted(paths, key=os.path.basename)):
            with open(path, "rb") as stream:
                content = stream.read()
            name = os.path.splitext(os.path.basename(path))[0]
            out.write(array(f"mapping_{number}", content))
            rows.append(f'\t{{ "{name}", {{ (const char *)mapping_{number}, {len(content)} }} }},\n')
        out.write("const struct shipped_mapping shipped_mappings[] = {\n")
        out.writelines(rows)
        out.write("\t{ 0 },\n};\n\n")
        out.write("""const struct shipped_mapping *shipped_mapping_find(struct slice name)
{
	for (const struct shipped_mapping *m = shipped_mappings; m->name != NULL; m++)
		if (slice_is(name, m->name))
			return m;
	return NULL;
}
""")


if __name__ == "__main__":
    main()
