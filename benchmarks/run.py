#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures all contenders on the workloads of contenders/workloads.hpp and writes the report.

    run.py --build gcc=build/bench/benchmarks/contenders --build clang=build/bench-clang/benchmarks/contenders

Every measurement is a process of its own, pinned to one core; contenders take turns, round by round, and only ratios
within one case count: a machine that slows down slows them all. Exit code 1: checks disagree, or one of ours failed.
"""

import argparse
import collections
import datetime
import json
import os
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

try:
    import matplotlib
    from matplotlib import pyplot
except ImportError:
    sys.exit(f'run.py: {sys.executable} has no matplotlib; in Debian it is in python3-matplotlib, for /usr/bin/python3')

import build_cost

HERE = Path(__file__).resolve().parent
PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable
CORE = max(os.sched_getaffinity(0))
TIME_LIMIT = 120  # seconds a process
PACKAGES = ('libtorch-dev python3-torch libdlib-dev libfann-dev tiny-dnn libopenblas0-pthread libdnnl-dev '
            'python3-numpy python3-sklearn libeigen3-dev').split()
WORKLOADS = {
    'W1': '2-4-1 tanh/sigmoid, 400 samples, full batch gradient descent; seconds of one iteration',
    'W2': '784-128-10 ReLU/softmax, Fashion-MNIST, gradient descent in batches; seconds of one epoch',
    'W3': 'inference, narrow: 2-4-1, wide and batch: 784-128-10; seconds of one sample',
    'W4': '8-64-64-1 tanh/tanh/linear, Adam in batches of 64; seconds of one epoch',
    'W5': '4-32-16-4 tanh/tanh/linear, full batch Adam; seconds of one epoch',
}
CASES = 'W1 W2/32 W2/128 W2/1024 W2/full W3/narrow W3/wide W3/batch W4 W5'.split()
SIMPLECHAINS = '72 us an epoch on an EPYC and 41 us on 18 cores with AVX-512'


def product_flops(samples, *widths):
    """Flops of an epoch's products: forward and weight gradient of every layer, input gradient of all but the first."""
    layers = [n * k for n, k in zip(widths, widths[1:])]
    return samples * 2 * (3 * sum(layers) - layers[0])


FLOPS = {'W2': product_flops(60_000, 784, 128, 10), 'W4': product_flops(20_000, 8, 64, 64, 1)}

# Checks agree to this relative difference, all number types together.
TOLERANCE = 1e-4
# But here rounding decides, so each type is compared with itself only. Moving the start's weights by one unit in the
# last place moves the check by 4e-4 (W1: descent at this rate is chaotic after 7,000 iterations, in double too), 4e-3
# (W2/32, float) and 2e-3 (W2/128, float: a unit at the corner of ReLU goes one way or the other). In double those
# units keep W2 to 1e-15.
WIDER = {'W1': {'float': 2e-3, 'double': 2e-3}, 'W2/32': {'float': 1e-2}, 'W2/128': {'float': 5e-3}}

# Case, variant of ours ("float": the slower of fixed and run-time), kind of target, factor, of what:
#   faster: other / ours >= factor;  within: ours / other <= factor;  share: of the limit's rate >= factor
TARGETS = [
    ('W1', 'float-fixed', 'faster', 25, 'the fastest peer'),
    ('W1', 'float-fixed', 'faster', 6, 'eigen float'),
    ('W1', 'float-run-time', 'within', 1.5, 'float-fixed'),
    ('W1', 'double-fixed', 'faster', 10, 'the fastest double peer'),
    ('W1', 'double-fixed', 'faster', 4, 'eigen double'),
    ('W2/32', 'float', 'faster', 2.5, 'the fastest peer'),
    ('W2/32', 'float', 'share', 0.65, 'limit/kernel'),
    ('W2/128', 'float', 'faster', 1.6, 'the fastest peer'),
    ('W2/128', 'float', 'share', 0.75, 'limit/kernel'),
    ('W2/1024', 'float', 'faster', 1.4, 'the fastest peer'),
    ('W2/1024', 'float', 'share', 0.8, 'limit/kernel'),
    ('W2/full', 'float', 'faster', 1.4, 'the fastest peer'),
    ('W2/full', 'float', 'share', 0.8, 'limit/kernel'),
    ('W3/narrow', 'float-fixed', 'faster', 6, 'fann float'),
    ('W3/narrow', 'float-run-time', 'faster', 2.5, 'fann float'),
    ('W3/wide', 'float', 'within', 1.3, 'limit/weights'),
    ('W3/batch', 'float', 'faster', 1.3, 'the fastest peer'),
    ('W4', 'float', 'faster', 9, 'the fastest peer'),
    ('W4', 'float', 'share', 0.6, 'limit/kernel'),
    ('W5', 'float', 'faster', 10, 'pytorch float'),
]

Contender = collections.namedtuple('Contender', 'name build command')


# ---- Measuring

def environment():
    """That of the children: one thread, and no say in which kernels OpenBLAS takes."""
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE='1')
    for name in ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE'):
        env.pop(name, None)
    env.update(dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'), '1'))
    return env


def call(contender, *arguments):
    """(output, None) of a contender, or (None, the last line of its error)."""
    try:
        done = subprocess.run([*contender.command, *arguments], env=environment(), capture_output=True, text=True,
                              timeout=TIME_LIMIT, preexec_fn=lambda: os.sched_setaffinity(0, {CORE}))
    except subprocess.TimeoutExpired:
        return None, f'more than {TIME_LIMIT} s'
    except OSError as error:
        return None, str(error)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[-1]
    return done.stdout, None


def find_contenders(builds):
    """All contenders; of the second and further builds only what there is to compare between compilers."""
    found = []
    for number, (build, folder) in enumerate(builds.items()):
        for path in sorted(folder.iterdir()):
            taken = ('contender_', 'products_', 'limit_') if number == 0 else ('contender_shallow', 'limit_')
            if path.name.startswith(taken) and not path.suffix and path.is_file() and os.access(path, os.X_OK):
                # A library that is compiled once for each type says the type in the variant already.
                name = path.name.removeprefix('contender_').removesuffix('_float').removesuffix('_double')
                name += f' ({build})' if number else ''
                found.append(Contender(name, build, [str(path.resolve())]))
    for path in sorted(HERE.glob('contenders/contender_*.py')):
        found.append(Contender(path.stem.removeprefix('contender_'), None, [PYTHON, str(path)]))
    return found


def measure(contenders, rounds, only, save):
    """Runs everything; calls save(measurements, failures) after every case."""
    entries, failures = [], []
    for contender in contenders:
        output, error = call(contender, 'list')
        found = [tuple(line.split()) for line in (output or '').splitlines()]
        unknown = [' '.join(entry) for entry in found
                   if len(entry) != 2 or not (entry[0] in CASES or entry[0].startswith('limit/'))]
        if error or unknown:
            failures.append({'during': 'list', 'contender': contender.name, 'variant': '',
                             'error': error or f'expected "case variant", listed {unknown[0]!r}'})
        else:
            entries += [(contender, *entry) for entry in found]
    limits = [entry for entry in entries if entry[1].startswith('limit/')]
    cases = [case for case in CASES if not only or only in (case, case.split('/')[0])]
    if not any(entry[1] in cases for entry in entries):
        sys.exit(f'run.py: no contender runs {only or "a case"}; the cases are {", ".join(CASES)}')

    measurements = []
    for during in cases:
        running = [entry for entry in entries if entry[1] == during] + limits
        records = {}
        for number in range(1, rounds + 1):
            for entry in list(running):
                contender, case, variant = entry
                output, error = call(contender, case, variant)
                form = re.fullmatch(r'seconds=([0-9.e+-]+) check=(\S+)\s*', output or '')
                if not error and not form:
                    error = f'expected "seconds=... check=...", given {output!r}'
                who = {'during': during, 'contender': contender.name, 'variant': variant}
                if error:
                    failures.append({**who, 'error': error})
                    running.remove(entry)
                else:
                    record = records.setdefault((contender.name, case, variant), {
                        **who, 'case': case, 'build': contender.build, 'seconds': [], 'checks': []})
                    record['seconds'].append(float(form[1]))
                    record['checks'].append(None if form[2] == 'none' else float(form[2]))
                print(f'{during} round {number}/{rounds}: {contender.name} {case} {variant}:',
                      error or show(float(form[1])), file=sys.stderr)
        measurements += records.values()
        save(measurements, failures)


def cost_of_build(build, rounds):
    """compile_cost with the compiler and the include paths of a build."""
    compiler, *words = build_command(build)
    includes = [word for i, word in enumerate(words) if word.startswith('-I') or '-isystem' in (word, words[i - 1])]
    return build_cost.compile_cost(compiler, includes, rounds)


def first_line(path, key):
    lines = (line for line in Path(path).read_text().splitlines() if line.startswith(key))
    return next(lines, ': unknown').partition(':')[2].strip()


def describe_machine():
    caches = []
    for index in sorted(Path('/sys/devices/system/cpu/cpu0/cache').glob('index*')):
        level, kind, size = ((index / part).read_text().strip() for part in ('level', 'type', 'size'))
        caches.append(f'L{level} {kind.lower()} {size}')
    flags = first_line('/proc/cpuinfo', 'flags').split()
    simd = [flag for flag in flags if flag.startswith(('sse4', 'avx', 'fma')) and not flag.startswith('fma4')]
    return {'processor': first_line('/proc/cpuinfo', 'model name'), 'cores': str(os.cpu_count()),
            'caches': ', '.join(caches), 'SIMD': ' '.join(simd), 'system': f'{platform.system()} {platform.machine()}'}


def build_command(folder):
    """The words that compiled contender_shallow, from compile_commands.json in the folder or above."""
    paths = [parent / 'compile_commands.json' for parent in (folder, *folder.parents)]
    found = [entry['command'] for path in paths if path.is_file() for entry in json.loads(path.read_text())
             if 'contender_shallow.dir' in entry['command']]
    return shlex.split(found[0]) if found else []


def describe_build(folder):
    """Version and flags of the compiler."""
    command = build_command(folder)
    if not command:
        return 'unknown (no compile_commands.json with the target contender_shallow)'
    compiler, *words = command
    flags = [word for word in words if word.startswith(('-O', '-m', '-std', '-f', '-DNDEBUG', '-W'))]
    version = subprocess.run([compiler, '--version'], capture_output=True, text=True).stdout.splitlines()[0]
    return f'{version}; `{" ".join(flags)}`'


def describe_packages():
    if not shutil.which('dpkg-query'):
        return 'unknown (no dpkg-query)'
    command = ['dpkg-query', '-W', '-f', '${Package} ${Version}\n', *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True)
    return ', '.join(line for line in done.stdout.splitlines() if not line.endswith(' '))


# ---- What the numbers say

def show(seconds):
    """Three digits and a unit."""
    for factor, unit in ((1, 's'), (1e3, 'ms'), (1e6, 'us')):
        if seconds * factor >= 1:
            return f'{seconds * factor:.3g} {unit}'
    return f'{seconds * 1e9:.3g} ns'


def number_type(variant):
    return 'double' if variant.startswith('double') else 'float'


def ours(record):
    return record['contender'].split()[0].startswith('shallow')


def judged(record, build):
    """Ours with the flags of this build, not those of a variation (shallow_O2)."""
    return record['contender'].split()[0] == 'shallow' and record['build'] == build


def foreign(record):
    """Neither ours nor a yardstick."""
    return not ours(record) and not record['contender'].startswith(('eigen', 'products_', 'limit_'))


def peer(record):
    """Another library that did the same mathematics: its result could be checked."""
    return foreign(record) and None not in record['checks']


def median(record):
    return statistics.median(record['seconds'])


class Results:
    """The measurements, by case."""

    def __init__(self, data):
        self.data = data
        self.cases = list(dict.fromkeys(r['during'] for r in data['measurements']))
        self.builds = list(dict.fromkeys(r['build'] for r in data['measurements'] if ours(r)))

    def of(self, case):
        """Contenders of a case, the fastest first."""
        return sorted((r for r in self.data['measurements'] if r['case'] == r['during'] == case), key=median)

    def limit(self, case, name, kind, build):
        """limit/`name` during this case, of the same build if it has it; None if not measured."""
        found = [r for r in self.data['measurements']
                 if r['during'] == case and r['case'] == name and number_type(r['variant']) == kind]
        return min(found, key=lambda r: r['build'] != (build or self.data['first_build']), default=None)

    def other(self, case, what, build=None):
        """What a target compares with; None if not measured."""
        if what.startswith('limit/'):
            return self.limit(case, what, 'float', build)
        wanted = {
            'the fastest peer': peer,
            'the fastest double peer': lambda r: peer(r) and number_type(r['variant']) == 'double',
        }.get(what, lambda r: what in (f'{r["contender"]} {r["variant"]}', judged(r, build) and r['variant']))
        return next(filter(wanted, self.of(case)), None)

    def slowest(self, case, variant, build):
        """Our variant, or the slowest of those that begin with it; None if not measured."""
        found = [r for r in self.of(case) if judged(r, build) and r['variant'].startswith(variant)]
        return found[-1] if found else None

    def verdict(self, target, build):
        """What was measured, and whether it is enough."""
        case, variant, kind, factor, what = target
        mine, other = self.slowest(case, variant, build), self.other(case, what, build)
        if not mine or not other:
            return '-'
        ratio = median(other) / median(mine)
        if kind == 'faster':
            text, met = f'{ratio:.2f}x', ratio >= factor
        elif kind == 'within':
            text, met = f'{1 / ratio:.2f}x', 1 / ratio <= factor
        else:
            share = FLOPS[case.split('/')[0]] * ratio
            text, met = f'{share:.0%}', share >= factor
        name = f' ({other["contender"]} {other["variant"]})' if 'peer' in what else ''
        return f'{text}{name}, {"met" if met else "**missed**"}'

    def disagreements(self):
        """A line for every check that is not what the others have."""
        lines, groups = [], collections.defaultdict(list)
        for r in self.data['measurements']:
            if r['case'] == r['during']:
                kind = number_type(r['variant'])
                group = kind if r['case'] in WIDER else ''
                groups[r['case'], group] += [(r, check) for check in r['checks'] if check is not None]
        for (case, kind), members in groups.items():
            tolerance = WIDER.get(case, {}).get(kind, TOLERANCE)
            # The others', where there are any: ours are many, and would outvote them.
            votes = [check for r, check in members if not ours(r)] or [check for _, check in members]
            middle = statistics.median(votes) if votes else 0
            lines += [f'{case} {r["contender"]} {r["variant"]}: {check:.9g}, the median of the others is {middle:.9g}, '
                      f'tolerance {tolerance:g}' for r, check in members
                      if not abs(check - middle) <= tolerance * abs(middle)]
        return list(dict.fromkeys(lines))


# ---- The report

def table(header, rows):
    lines = ['| ' + ' | '.join(header) + ' |', '|' + '---|' * len(header)]
    return lines + ['| ' + ' | '.join(row) + ' |' for row in rows] + ['']


def summary(results):
    phrases = {'faster': '{0} at least {1:g}x as fast as {2}', 'within': '{0} at most {1:g}x {2}',
               'share': '{0} at least {1:.0%} of {2}'}
    rows = []
    for target in (t for t in TARGETS if t[0] in results.cases):
        case, variant, kind, factor, what = target
        rows.append([case, phrases[kind].format(variant, factor, what)]
                    + [results.verdict(target, build) for build in results.builds])
    if 'W5' in results.cases:
        found = [results.slowest('W5', 'float', build) for build in results.builds]
        rows.append(['W5', f'(SimpleChains.jl published {SIMPLECHAINS} for its whole processor; this is one core)']
                    + [f'{median(r) * 1e6:.0f} us' if r else '-' for r in found])
    return table(['case', 'target'] + [f'measured, {build}' for build in results.builds], rows)


def case_table(results, case):
    flops = FLOPS.get(case.split('/')[0])
    limits = ('limit/kernel', 'limit/multiply-add') if flops else ('limit/weights',) if case == 'W3/wide' else ()
    header = ['contender', 'variant', 'median', 'minimum', 'times as fast as the fastest peer', 'check']
    header += ['Gflop/s', *(f'of {limit}' for limit in limits)] if flops else [f'times {limit}' for limit in limits]
    fastest = results.other(case, 'the fastest peer')
    rows = []
    for r in results.of(case):
        seconds, check = median(r), r['checks'][0]
        name = f'**{r["contender"]}**' if ours(r) else r['contender'] if foreign(r) else f'*{r["contender"]}*'
        rows.append([name, r['variant'], show(seconds), show(min(r['seconds'])),
                     f'{median(fastest) / seconds:.3g}' if fastest else '-', '-' if check is None else f'{check:.7g}'])
        if flops:
            rows[-1].append(f'{flops / seconds / 1e9:.1f}')
        for limit in limits:
            found = results.limit(case, limit, number_type(r['variant']), r['build'])
            ratio = seconds / median(found) if found else 0
            rows[-1].append('-' if not found else f'{flops / ratio:.0%}' if flops else f'{ratio:.2f}')
    meanwhile = [f'{r["case"]} {r["variant"]} {1e-9 / median(r):.1f} Gflop/s ({r["build"]})' if flops else
                 f'{r["case"]} {show(median(r))} ({r["build"]})'
                 for r in results.data['measurements'] if r['during'] == case and r['case'] in limits]
    lines = [f'### {case}', ''] if '/' in case else []
    return lines + table(header, rows) + ([f'Meanwhile: {", ".join(meanwhile)}.', ''] if meanwhile else [])


def cost_table(costs):
    """Medians of processor seconds and of the largest memory; the target is 1.5 times a file with Eigen alone."""
    rows = []
    for build, cost in costs.items():
        if not cost:
            rows.append([build, '', 'does not compile', '-', '-', '**missed**'])
            continue
        for other, quantity, mine, base, ratio in build_cost.ratios(cost):
            unit, scale, form = ('MiB', 1024, '{:.0f}') if quantity == 'KiB' else ('s', 1, '{:.2f}')
            rows.append([build, unit, form.format(mine / scale), other, form.format(base / scale), f'{ratio:.2f}',
                         'met' if ratio <= 1.5 else '**missed**'])
    text = ['"by hand" is the same job written with Eigen and nothing else ([by_hand.cpp](by_hand.cpp)), "<Eigen/Dense> '
            'alone" a file that includes that header and has an empty main.', '']
    return text + table(['compiler', '', "the README's program", 'against', '', 'times', 'target: at most 1.5'], rows)


def report(results, disagreements, chart):
    data = results.data
    lines = ['# Benchmark results', '', f'Written by `run.py` on {data["date"]}; rounds: {data["rounds"]}. Each '
             'measurement was a process of its own on one core, contenders taking turns; what they ran is in '
             '[workloads.hpp](contenders/workloads.hpp). All ratios are ratios of medians. **Bold**: this library; '
             '*italic*: yardsticks, which are no peers: plain Eigen by hand, the matrix products alone. Where the check '
             'is "-", a library did other mathematics, for it lacks the loss, the activation or the optimiser (its file '
             'in contenders/ says what differs): it is shown, but is never "the fastest peer". limit/kernel is what the '
             'kernel of this library reaches with operands in cache; limit/multiply-add is the processor\'s own. The '
             'others are the packages of the distribution, built for any processor of the kind (OpenBLAS, oneDNN and '
             'NumPy choose their kernels when they run); shallow_O2_baseline is this library built so.', '',
             '## Targets', '', '"float" is the slower of float-fixed and float-run-time.', '',
             *summary(results), f'![all medians]({chart.name})', '', '## Machine', '']
    lines += [f'- {key}: {value}' for key, value in data['machine'].items()]
    lines += [f'- build {name}: {value}' for name, value in data['builds'].items()]
    lines += [f'- packages: {data["packages"]}', '']
    if disagreements:
        lines += ['## Checks that disagree', '', *(f'- {line}' for line in disagreements), '']
    if data['failures']:
        lines += ['## Failed', '', *table(['contender', 'case', 'variant', 'error'], [
            [f['contender'], f['during'], f['variant'], f['error'].replace('|', '/')] for f in data['failures']])]
    if data.get('compile_cost'):
        lines += ['## Cost to compile, at -O2', '', *cost_table(data['compile_cost'])]
    for workload, text in WORKLOADS.items():
        cases = [case for case in results.cases if case.split('/')[0] == workload]
        if cases:
            lines += [f'## {workload}: {text}', '']
        for case in cases:
            lines += case_table(results, case)
    return '\n'.join(lines).rstrip() + '\n'


def draw(results, path):
    """A chart of all medians: one panel a case, one bar a contender."""
    matplotlib.use('svg')
    matplotlib.rcParams.update({'svg.hashsalt': 'shallow', 'svg.fonttype': 'none', 'font.size': 8})
    heights = [len(results.of(case)) + 3 for case in results.cases]
    figure, axes = pyplot.subplots(len(heights), 1, figsize=(8, 0.17 * sum(heights)), squeeze=False,
                                   gridspec_kw={'height_ratios': heights}, layout='constrained')
    for axis, case in zip(axes[:, 0], results.cases):
        records = results.of(case)
        colors = ['#c8553d' if ours(r) else '#5b7f95' if foreign(r) else '#bbbbbb' for r in records]
        values = [median(r) for r in records]
        bars = axis.barh([f'{r["contender"]} {r["variant"]}' for r in records], values, color=colors)
        axis.bar_label(bars, [show(value) for value in values], padding=2)
        axis.set_xscale('log')
        axis.set_xlim(min(values, default=1) / 2, max(values, default=1) * 2)
        axis.invert_yaxis()
        axis.margins(y=0.01)
        axis.set_title(f'{case}: {WORKLOADS[case.split("/")[0]].split(";")[-1].strip()}', loc='left', weight='bold')
        axis.spines[['top', 'right']].set_visible(False)
    # Every date would make another file of the same numbers.
    figure.savefig(path, metadata={'Date': None})


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', action='append', default=[], metavar='[NAME=]DIR',
                        help='folder with the executables of a build; the first is the one that peers come from')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--output', type=Path, default=HERE / 'RESULTS.md',
                        help='the report; results.json and results.svg are written beside it')
    parser.add_argument('--only', metavar='CASE', help='one workload (W2) or case (W2/32)')
    parser.add_argument('--report-only', action='store_true', help='make the report anew from results.json')
    arguments = parser.parse_args()
    builds = {}
    for text in arguments.build:
        name, _, folder = text.rpartition('=')
        builds[name or f'build {len(builds) + 1}'] = Path(folder).resolve()
        if not Path(folder).is_dir():
            parser.error(f'--build: there is no folder {folder}')
    if arguments.rounds < 1:
        parser.error('--rounds: expected at least 1')
    if len(builds) < len(arguments.build):
        parser.error('--build: two builds have the same name')
    return arguments, builds


def main():
    arguments, builds = parse_arguments()
    numbers = arguments.output.with_name('results.json')
    if not arguments.report_only:
        numbers.parent.mkdir(parents=True, exist_ok=True)
        data = {'date': datetime.date.today().isoformat(), 'rounds': arguments.rounds,
                'first_build': next(iter(builds), None), 'machine': describe_machine(),
                'builds': {name: describe_build(folder) for name, folder in builds.items()},
                'packages': describe_packages()}
        if not arguments.only:
            data['compile_cost'] = {name: cost_of_build(folder, arguments.rounds)
                                    for name, folder in builds.items() if build_command(folder)}

        def save(measurements, failures):
            data.update(measurements=measurements, failures=failures)
            numbers.write_text(json.dumps(data, indent=1) + '\n')

        measure(find_contenders(builds), arguments.rounds, arguments.only, save)
    elif not numbers.is_file():
        sys.exit(f'run.py: --report-only: there is no {numbers}')

    results = Results(json.loads(numbers.read_text()))
    disagreements = results.disagreements()
    chart = numbers.with_suffix('.svg')
    draw(results, chart)
    arguments.output.write_text(report(results, disagreements, chart))
    print(f'run.py: wrote {arguments.output}')
    own_failures = [f'{f["contender"]} {f["during"]} {f["variant"]}: {f["error"]}'
                    for f in results.data['failures'] if ours(f)]
    for line in disagreements + own_failures:
        print(f'run.py: {line}', file=sys.stderr)
    return 1 if disagreements or own_failures else 0


if __name__ == '__main__':
    sys.exit(main())
