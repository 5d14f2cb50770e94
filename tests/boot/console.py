"""A virtual machine's console, as tests/boot/init and tests/boot/switch_root/* write it, and what is told of it."""

import json
import re
import sys


class Console:
    """The log: its text, its marks ("@@ ..."), and the lines of each of its sections ("@@ begin NAME" to "@@ end NAME")."""

    def __init__(self, text):
        self.text, self.marks, self.sections, self.ended = text, [], {}, set()
        section = None
        for line in text.replace("\r", "").split("\n"):
            mark = re.search(r"@@ (.*)$", line)
            if not mark:
                if section is not None:
                    self.sections[section].append(line)
                continue
            self.marks.append(mark[1])
            word, _, name = mark[1].partition(" ")
            if word == "begin":
                section = name
                self.sections[name] = []
            elif word == "end":
                self.ended.add(name)
                section = None

    @classmethod
    def of(cls, path):
        try:
            with open(path, encoding="utf-8", errors="replace") as log:
                return cls(log.read())
        except OSError as error:
            print(f"{path}: {error.strerror}", file=sys.stderr)
            return cls("")

    def has(self, mark):
        return mark in self.marks

    def said(self, prefix):
        return next((m for m in self.marks if m.startswith(prefix)), "nothing") if self.marks else "nothing"

    def mark(self, wanted, otherwise):
        """None if the mark is there, else what is there that begins with `otherwise`."""
        return None if self.has(wanted) else f"the console says {self.said(otherwise)!r}"

    def ends(self, qemu_status):
        """None if the machine came to its end by itself."""
        ended = self.has("done") and qemu_status == "0"
        return None if ended else f"last mark {self.marks[-1:]}, qemu's status {qemu_status}"


def parse(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


def report(checks):
    """One line a check: "ok NAME", or "FAILED NAME: why" where there is a why."""
    for name, why in checks.items():
        print(f"FAILED {name}: {why}" if why else f"ok {name}")
