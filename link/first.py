"""Writes link/first.ld: the functions that small installs run, in the order in which they are called first.

    cargo build --release && gdb --batch --command link/first.py

Needs gdb with Python and nm. It stops at the first call of each function in some installs of a project with two
dependencies, from the registry that npm is configured for; two minutes. Worth doing again when dependencies, the compiler
or what an install does have changed much: a name that is gone is passed over, a new one costs a few microseconds.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
from collections import Counter

import gdb  # gdb brings it along

PROGRAM = pathlib.Path("target/release/deka").resolve()
SCRIPT = pathlib.Path("link/first.ld")
MANIFEST = '{ "dependencies": { "is-odd": "^3.0.1", "ms": "^2.1.3" }, "scripts": { "nothing": "true" } }'
# Commands, and what is removed before them. Those that are over soonest come first: for them a page counts most.
COMMANDS = [
    ("install", ()),
    ("run nothing", ()),
    ("install", ("node_modules",)),
    ("install --frozen-lockfile", ("node_modules", "home")),
    ("install", ("node_modules", "home", "deka.lock")),
    ("install", ("node_modules", "deka.lock")),
]
HEADER = """/* The functions that small installs run, next to each other: made by link/first.py, used by build.rs. */
SECTIONS
{
  .text.first :
  {
"""
FOOTER = """  }
}
INSERT BEFORE .text;
"""


class FirstCall(gdb.Breakpoint):
    """Notes a function when it is called, and lets the program go on."""

    def __init__(self, address, name, called):
        super().__init__(f"*{address:#x}", internal=True)
        self.silent, self.name, self.called = True, name, called

    def stop(self):
        self.called.append(self.name)
        self.enabled = False
        return False


def functions():
    """Address, size and name of each function of the program."""
    lines = subprocess.run(["nm", "--print-size", PROGRAM], check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return [(int(f[0], 16), int(f[1], 16), f[3]) for f in fields if len(f) == 4 and f[2] in "tT"]


def calls(command, project, known):
    """Runs deka, and returns the names of the functions that it called, in the order of their first calls."""
    called = []
    gdb.execute(f"set args {command}")
    gdb.execute(f"set cwd {project}")
    gdb.execute(f"set environment HOME {project / 'home'}")
    (project / "home").mkdir(exist_ok=True)
    gdb.execute("starti", to_string=True)
    process = gdb.selected_inferior().pid
    base = int(pathlib.Path(f"/proc/{process}/maps").read_text().split("-")[0], 16)
    points = [FirstCall(base + address, name, called) for address, name in known.items()]
    gdb.execute("continue", to_string=True)
    for point in points:
        point.delete()
    print(f"deka {command}: {len(called)} functions")
    return called


def without_hash(name):
    """A pattern for a name of rustc's: it ends with a hash of the compiler, the crate and the types that it stands for, or,
    in the newer form, has hashes of crates inside."""
    return re.sub(r"(?<=C)s[0-9A-Za-z]+_(?=\d)", "s*_", re.sub(r"17h[0-9a-f]{16}E(\.llvm\.\d+)?$", "17h*", name))


def section(name):
    """Where the compiler puts a function; with `unlikely` in between if it thinks so."""
    return f".text.*{name}" if name.startswith(("_ZN", "_R")) else f".text.{name}"


def patterns(called, sizes):
    """What to look for. A name without its hash also stands for the instances of a generic function that nobody called;
    where these are the larger part, the hash stays, for as long as it holds."""
    here, all_of = Counter(), Counter()
    for name, size in sizes.items():
        all_of[without_hash(name)] += size
        here[without_hash(name)] += size if name in called else 0
    chosen = (without_hash(name) for name in called)
    chosen = [p if all_of[p] <= 2 * here[p] else name for p, name in zip(chosen, called)]
    return list(dict.fromkeys(chosen))


def main():
    for setting in ("startup-with-shell off", "breakpoint always-inserted on", "confirm off", "print inferior-events off"):
        gdb.execute(f"set {setting}")
    gdb.execute("set print thread-events off")
    gdb.execute(f"file {PROGRAM}", to_string=True)
    known = functions()
    addresses = {address: name for address, _, name in known}
    called = {}
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder)
        (project / "package.json").write_text(MANIFEST)
        calls("install", project, {})
        if not (project / "node_modules").is_dir():
            raise SystemExit("the first install failed: the list stays as it was")
        for command, removed in COMMANDS:
            for name in removed:
                path = project / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            called.update(dict.fromkeys(calls(command, project, addresses)))
    lines = [f"    *({section(name)})\n" for name in patterns(called, {n: s for _, s, n in known})]
    SCRIPT.write_text(HEADER + "".join(lines) + FOOTER)
    print(f"{SCRIPT}: {len(lines)} names")


main()
