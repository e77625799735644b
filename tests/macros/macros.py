#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library compiles beside headers whose macros look like ordinary names.

    macros.py --folder <for what it writes> [--without io/idx.hpp] -- g++ -std=c++20 -I include -I /usr/include/eigen3

Such headers are those of this machine, where they are, and the lists beside this script for those that are not. Two
checks:

- "after": the macros as they are come first, then Eigen and the library. Those after which Eigen itself does not
  compile are left out, and named.
- "names": the standard library, Eigen and what else the library includes come first, then each of the macros (but for
  those that the library's own includes define) as text that cannot be compiled, then the library. Whoever uses a name in
  it that is a macro somewhere reads here which. A macro with arguments hits only what looks like a call: `(check)()`
  and `(std::min)(a, b)` do not. One that stands for another name renames, which is harmless: it keeps its meaning.
"""

import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# Headers of systems, one set a line, each as programs include them.
SYSTEM = {
    "X11": ["X11/Xlib.h", "X11/Xutil.h", "X11/Xatom.h", "X11/Xos.h", "X11/Xresource.h", "X11/Intrinsic.h"],
    "X11, for libraries": ["X11/Xlibint.h"],
    "curses": ["curses.h"],
    "Unix": [
        "complex.h", "termios.h", "sys/sysmacros.h", "sys/param.h", "sys/ioctl.h", "sys/socket.h", "sys/stat.h",
        "sys/ucontext.h", "netinet/in.h", "arpa/nameser.h", "resolv.h", "utmp.h", "syslog.h", "signal.h", "fenv.h",
        "math.h", "string.h", "stdio.h", "linux/input.h", "linux/fs.h",
    ],
    "Windows": ["winsock2.h", "windows.h", "windowsx.h", "ole2.h", "commctrl.h", "shlobj.h", "mmsystem.h", "sqlext.h"],
    "Windows without min and max": ["windows.h"],
    "DirectX": ["d3d11.h", "d3d9.h"],
    "OpenGL": ["GL/gl.h", "GL/glext.h"],
    "libjpeg": ["jpeglib.h"],
    "SQLite": ["sqlite3.h"],
    "Python": ["python3.11/Python.h"],
    "Tcl": ["tcl8.6/tcl.h"],
}
DEFINES = {"Windows without min and max": ["-DNOMINMAX"]}

KEYWORDS = set(
    """alignas alignof and asm auto bool break case catch char char8_t char16_t char32_t class concept const consteval
    constexpr constinit const_cast continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new noexcept not nullptr operator or private
    protected public register reinterpret_cast requires return short signed sizeof static static_assert static_cast
    struct switch template this thread_local throw true try typedef typeid typename union unsigned using virtual void
    volatile wchar_t while xor""".split())


def headers(without):
    text = (ROOT / "cmake/headers.cmake").read_text(encoding="utf-8")
    names = re.findall(r"[\w/]+\.hpp", text)
    return [name for name in dict.fromkeys(names) if name not in without]


class Compiler:
    def __init__(self, command, folder):
        self.command = command
        self.folder = folder

    def run(self, name, text, *flags):
        source = self.folder / name
        source.write_text(text, encoding="utf-8")
        done = subprocess.run([*self.command, "-w", "-fmax-errors=0", *flags, str(source)], capture_output=True, text=True, check=False)
        return done

    def compiles(self, name, text, *flags):
        return self.run(name, text, "-fsyntax-only", *flags)

    def definitions(self, name, text, *flags):
        """The macros that are defined after the text: name -> line."""
        done = self.run(name, text, "-dM", "-E", *flags)
        return {line.split()[1].split("(")[0]: line for line in done.stdout.splitlines() if line.startswith("#define ")}

    def macros(self, name, text, *flags):
        """The same: name -> (has arguments, the name that it stands for or None)."""
        found = {}
        for macro, line in self.definitions(name, text, *flags).items():
            match = re.match(r"#define \w+(\([^)]*\))? ?(.*)", line)
            body = match[2].strip()
            other = body if re.fullmatch(r"[A-Za-z_]\w*", body) and body not in KEYWORDS else None
            found[macro] = (bool(match[1]), None if match[1] else other)
        return found


def named(errors, macros, known):
    """The macros that the errors are in: as GCC and Clang say it or, where they do not, by the lines that they show."""
    said = re.findall(r"""(?:macro|symbol) ['"\u2018](\w+)""", errors)
    shown = re.findall(r" error: .*\n(.*)", errors)
    for words in (said, re.findall(r"\w+", " ".join(shown))):
        found = sorted({word for word in words if word in macros and word not in known})
        if found:
            return found
    return []


def include(*names):
    return "".join(f"#include <{name}>\n" for name in names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--without", action="append", default=[], help="a header of the library that is left out")
    parser.add_argument("command", nargs="+", help="the compiler and its flags")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    compiler = Compiler(arguments.command, arguments.folder)

    ours = headers(arguments.without)
    library = include(*(f"shallow/{name}" for name in ours))
    neighbours = dict.fromkeys(
        name for header in ours
        for name in re.findall(r"^#include <(.+)>", (ROOT / "include/shallow" / header).read_text(encoding="utf-8"), re.M))
    # (Clang has headers of other processors, too, in which it stops.)
    elsewhere = {"arm_neon.h": " && defined(__ARM_NEON)"}
    prelude = "".join(
        f"#if __has_include(<{name}>){elsewhere.get(name, '')}\n#include <{name}>\n#endif\n" for name in neighbours)

    # name -> (text of a translation unit, flags), of those that this compiler finds.
    sets = {}
    for name, files in SYSTEM.items():
        flags = DEFINES.get(name, [])
        probe = "".join(f"#if __has_include(<{file}>)\n#include <{file}>\n#endif\n" for file in files)
        first = f"#if !__has_include(<{files[-1]}>)\n#error none\n#endif\n"
        done = compiler.run("probe.cpp", first + probe, "-E", "-o", "/dev/null", *flags)
        if done.returncode == 0:
            sets[name] = (probe, flags)
    for file in sorted(HERE.glob("*.h")):
        sets[file.name] = (f'#include "{file}"\n', [])

    failures = []

    own = compiler.macros("own.cpp", prelude)
    others = {}
    for name, (text, flags) in sets.items():
        for macro, (call, other) in compiler.macros("dump.cpp", text, *flags).items():
            # Names with an underscore in front belong to the implementation, that is: to nobody here.
            if macro in own or macro in KEYWORDS or macro.startswith("_") or other == macro:
                continue
            known = others.get(macro)
            if known is None or (known[1] and not other) or (known[0] and not call):
                others[macro] = (call, other, name)
    poison = "".join(
        f"#define {macro}(...) @\n" if call else f"#define {macro} {other or '@'}\n"
        for macro, (call, other, _) in sorted(others.items()))
    done = compiler.compiles("names.cpp", prelude + "\n" + poison + "\n" + library)
    if done.returncode != 0:
        where = "".join(f"\n  {name}: {others[name][2]}" for name in named(done.stderr, others, []))
        failures.append(f"names: in the library, a macro in another header:{where}\n{done.stderr[:6000]}")

    # The macros as they are, before anything is included.
    meant = {}
    for _, (text, flags) in sets.items():
        for macro, line in compiler.definitions("dump.cpp", text, *flags).items():
            if macro in others:
                meant.setdefault(macro, line)
    left_out = []
    while True:
        text = "\n".join(line for macro, line in meant.items() if macro not in left_out) + "\n"
        done = compiler.compiles("eigen.cpp", text + prelude)
        if done.returncode == 0:
            break
        guilty = named(done.stderr, meant, left_out)
        if not guilty:
            failures.append(f"after: Eigen and the standard library, for reasons that no macro is named in\n{done.stderr[:6000]}")
            break
        left_out += guilty
    if left_out:
        print(f"macros: after these Eigen or the standard library does not compile: {' '.join(sorted(left_out))}")
    done = compiler.compiles("after.cpp", text + prelude + library)
    if done.returncode != 0:
        failures.append(f"after: {' '.join(named(done.stderr, meant, []))}\n{done.stderr[:6000]}")

    print(f"macros: {len(others)} names of {len(sets)} sets: {', '.join(sets)}")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
