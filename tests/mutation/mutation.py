#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the tests see? Plants one error after the other in the headers and runs the tests of what it is in.

mutation.py [--compiler clang++] [--flag=-I/usr/include/eigen3] [--only WORD] [--least 95] [list...]

A list (by default every *.txt beside this file) holds blocks of four lines, a blank line between them:

    FILE: include/shallow/loss.hpp
    OLD: text that stands once in the file
    NEW: what stands there instead
    TESTS: test_loss test_network

A test is a source of tests/ (test_loss of the unit tests, allocation with its own main) or, as message_gcc_20, what a
compiler says of a mistake in refused/messages.cpp.

An error is caught if a test of TESTS does not compile, fails, crashes or does not come to its end within five minutes. Those
that survive are run against all unit tests with --all. Ends with an error if the tests fail as the headers are, if a
text does not stand in its file exactly once any more, or if fewer than 95 of 100 errors are caught.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SLOW = "network: random shapes agree*,network: forward and backward agree*"


def read(path):
    """The mutations of a list, as dictionaries."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    mutations = []
    for block in blocks:
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        entry = dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in lines)
        if not {"FILE", "OLD", "NEW", "TESTS"} <= entry.keys():
            sys.exit(f"{path}: expected FILE, OLD, NEW and TESTS, given {block!r}")
        entry["where"] = path.name
        mutations.append(entry)
    return mutations


class Tests:
    """Compiles and runs the tests of a file against a folder of headers."""

    def __init__(self, compiler, flags, folder):
        self.command = [compiler, "-std=c++20", "-O0", "-w", "-DDOCTEST_CONFIG_SUPER_FAST_ASSERTS", *flags,
                        f"-I{ROOT / 'tests'}"]
        self.reference = f'-DSHALLOW_REFERENCE="{ROOT / "tests" / "reference"}"'
        self.main = folder / "main.o"
        subprocess.run([*self.command, "-c", str(ROOT / "tests" / "main.cpp"), "-o", str(self.main)], check=True)

    def verdict(self, headers, name, folder):
        """"" if the tests pass, else what happened to them."""
        if name.startswith("message_"):
            return self.message_verdict(headers, *name.split("_")[1:])
        program = folder / name
        main = [str(self.main)] if name.startswith("test_") else []
        compiled = subprocess.run(
            [*self.command, self.reference, f"-I{headers}", str(ROOT / "tests" / f"{name}.cpp"), *main, "-lz", "-o",
             str(program)], capture_output=True, text=True, errors="replace")
        if compiled.returncode != 0:
            # A compiler that ended for want of memory or disk says nothing of the tests.
            broken = ("internal compiler error", "Killed", "No space left", "out of memory", "fatal error")
            if compiled.returncode < 0 or any(word in compiled.stderr for word in broken):
                raise RuntimeError(f"{name}: the compiler broke down: {compiled.stderr[-500:]}")
            return "does not compile: " + next((l for l in compiled.stderr.splitlines() if "error" in l), "?")
        try:
            # What takes a minute without optimisation comes last: few errors are left for it.
            runs = [[f"--test-case-exclude={SLOW}"], [f"--test-case={SLOW}"]] if main else [[]]
            for options in runs:
                if main:
                    options += ["--no-intro", "--minimal", "--abort-after=1"]
                run = subprocess.run([str(program), *options], capture_output=True, text=True, errors="replace",
                                     timeout=300, cwd=folder)
                if run.returncode != 0:
                    break
        except subprocess.TimeoutExpired:
            return "does not end"
        finally:
            program.unlink()
        return "" if run.returncode == 0 else f"fails ({run.returncode})"

    def message_verdict(self, headers, family, mistake):
        """The same for the words of a compiler."""
        source = ROOT / "tests" / "refused" / "messages.cpp"
        words = re.search(rf"MISTAKE == {mistake}  // says: (.+)", source.read_text(encoding="utf-8")).group(1)
        compiler = next(filter(shutil.which, ["g++-12", "g++"] if family == "gcc" else ["clang++-14", "clang++"]))
        includes = ";".join([f"-I{headers}", *(flag for flag in self.command if flag.startswith("-I"))])
        run = subprocess.run(
            ["cmake", f"-DCOMPILER={compiler}", f"-DSOURCE={source}", f"-DINCLUDES={includes}",
             f"-DMISTAKE={mistake}", f"-DWORDS={words}", "-P", str(source.parent / "first_lines.cmake")],
            capture_output=True, text=True)
        return "" if run.returncode == 0 else "hears other words"


def try_mutation(tests, mutation, every_test):
    """Returns (caught, words)."""
    source = (ROOT / mutation["FILE"]).read_text(encoding="utf-8")
    count = source.count(mutation["OLD"])
    if count != 1:
        return None, f"the text stands {count} times in the file"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copytree(ROOT / "include", folder / "include")
        mutated = folder / mutation["FILE"]
        mutated.write_text(source.replace(mutation["OLD"], mutation["NEW"]), encoding="utf-8")
        names = mutation["TESTS"].split()
        for test in names + [other for other in every_test if other not in names]:
            words = tests.verdict(folder / "include", test, folder)
            if words:
                return True, f"{test} {words}"
    return False, "SURVIVED"


def main():
    parser = argparse.ArgumentParser()
    # Clang, where it is, takes less than half the time.
    parser.add_argument("--compiler", default="clang++" if shutil.which("clang++") else "g++")
    parser.add_argument("--flag", action="append", default=[])
    parser.add_argument("--only", default="", help="of the mutations whose text has this word")
    parser.add_argument("--least", type=float, default=95, help="errors of a hundred that must be caught")
    parser.add_argument("--all", action="store_true", help="what survives is run against all unit tests")
    parser.add_argument("lists", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    flags = options.flag or ["-I/usr/include/eigen3"]
    lists = options.lists or sorted(HERE.glob("*.txt"))
    mutations = [entry for path in lists for entry in read(path)]
    mutations = [entry for entry in mutations if options.only in " ".join(entry.values())]
    every_test = sorted(path.stem for path in (ROOT / "tests").glob("test_*.cpp")) if options.all else []

    caught = survived = stale = 0
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(name)
        tests = Tests(options.compiler, flags, folder)
        used = sorted({test for entry in mutations for test in entry["TESTS"].split()} | set(every_test))
        for test, words in zip(used, pool.map(lambda test: tests.verdict(ROOT / "include", test, folder), used)):
            if words:
                sys.exit(f"without an error planted: {test} {words}")
        results = pool.map(lambda entry: try_mutation(tests, entry, every_test), mutations)
        for entry, (verdict, words) in zip(mutations, results):
            caught += verdict is True
            survived += verdict is False
            stale += verdict is None
            print(f"{entry['FILE']}: {entry['OLD']} -> {entry['NEW']}: {words}", flush=True)
    total = caught + survived
    score = 100 * caught / total if total else 0
    print(f"{caught} of {total} planted errors were caught, {score:.1f} in a hundred; {stale} could not be planted")
    sys.exit(0 if stale == 0 and score >= options.least else 1)


if __name__ == "__main__":
    main()
