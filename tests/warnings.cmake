# SPDX-License-Identifier: MIT
#
# What the headers, and what the library writes as C++, must not make a compiler say in a project with strict warnings; the
# presets compile with the same.
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Wdouble-promotion)
