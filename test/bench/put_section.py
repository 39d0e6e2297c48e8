#!/usr/bin/env python3
"""put_section.py FILE NAME: replaces the section NAME of a Markdown file with standard input.

A section stands between the lines "<!-- NAME -->" and "<!-- end of NAME -->"; a missing one is
added at the end. Everything outside, written by hand or by another program, stays as it is.
"""
import os
import sys


def put(text: str, name: str, body: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    section = begin + body.strip("\n") + "\n" + end
    head, found, rest = text.partition(begin)
    if not found:
        return (text.rstrip("\n") + "\n\n" if text.strip() else "") + section
    _, closed, tail = rest.partition(end)
    if not closed:
        sys.exit(f"put_section: section {name} has no end line; put it right by hand")
    return head + section + tail


if __name__ == "__main__":
    path, name = sys.argv[1:]
    old = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
    new = put(old, name, sys.stdin.read())
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(new)
    os.replace(path + ".new", path)
