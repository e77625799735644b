#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program with the library costs to build, at -O2, against programs with Eigen alone, measured in turns.

    build_cost.py [--compiler g++] [--rounds 3] [--include FOLDER]...

prints ratios of medians, and the size of the program; fails if one is above its limit. Seconds are the processor's, and
only their ratio means anything.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

MINE, BY_HAND, BARE = 'README program', 'by hand', '<Eigen/Dense> alone'
# Against the same job the target is 1.5. A file that does nothing is no job; its limits are there so that what is
# included and instantiated does not creep up.
# The engine is in them for three processors.
LIMITS = {BY_HAND: {'seconds': 1.5, 'KiB': 1.5}, BARE: {'seconds': 6.5, 'KiB': 2.2}}
SIZE_LIMIT = 160 * 1024


def programs():
    readme = (HERE.parent / 'README.md').read_text()
    return {MINE: readme.partition('```cpp\n')[2].partition('```')[0],
            BY_HAND: (HERE / 'by_hand.cpp').read_text(),
            BARE: '#include <Eigen/Dense>\nint main() {}\n'}


def compile_cost(compiler, includes, rounds):
    """Seconds and KiB to compile, in turns, the README's program, the same job with Eigen alone, and a file with
    <Eigen/Dense> and nothing else; None if one does not compile. `includes` are words of the compiler's."""
    cost = {name: {'seconds': [], 'KiB': []} for name in programs()}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, text in programs().items():
                source = Path(folder) / 'program.cpp'
                source.write_text(text)
                child = subprocess.Popen([compiler, '-std=c++20', '-O2', *includes, '-c', str(source), '-o', os.devnull])
                _, status, usage = os.wait4(child.pid, 0)
                if status:
                    return None
                cost[name]['seconds'].append(usage.ru_utime + usage.ru_stime)
                cost[name]['KiB'].append(usage.ru_maxrss)
    return cost


def ratios(cost):
    """(other, quantity, mine, other's, ratio) of the medians."""
    for other in (BY_HAND, BARE):
        for quantity in ('seconds', 'KiB'):
            mine, base = (statistics.median(cost[name][quantity]) for name in (MINE, other))
            yield other, quantity, mine, base, mine / base


def stripped_size(compiler, includes):
    """Bytes of the README's program, stripped."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / 'program.cpp', Path(folder) / 'program'
        source.write_text(programs()[MINE])
        subprocess.run([compiler, '-std=c++20', '-O2', '-DNDEBUG', '-s', *includes, str(source), '-o', str(program)],
                       check=True)
        return program.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--compiler', default='c++')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--include', action='append', default=[])
    arguments = parser.parse_args()
    if not shutil.which(arguments.compiler):
        sys.exit(f'build_cost.py: --compiler: expected a program, given {arguments.compiler}')
    includes = [f'-I{HERE.parent / "include"}', *(f'-I{folder}' for folder in arguments.include)]
    cost = compile_cost(arguments.compiler, includes, arguments.rounds)
    if cost is None:
        sys.exit('build_cost.py: a program does not compile')
    failed = False
    for other, quantity, mine, base, ratio in ratios(cost):
        limit = LIMITS[other][quantity]
        failed |= ratio > limit
        print(f"{arguments.compiler}: {quantity:7} {mine:9.1f}, {other} {base:9.1f}: {ratio:.2f} times"
              f"{'' if ratio <= limit else f', limit {limit}: FAILED'}")
    size = stripped_size(arguments.compiler, includes)
    failed |= size > SIZE_LIMIT
    print(f"{arguments.compiler}: the stripped program has {size} bytes"
          f"{'' if size <= SIZE_LIMIT else f', limit {SIZE_LIMIT}: FAILED'}")
    sys.exit(failed)


if __name__ == '__main__':
    main()
