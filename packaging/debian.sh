#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes Debian's source and binary package of what is in the tree, in build/debian, asks lintian, unpacks the package
# into a root of its own and builds a stranger's project from it. DEB_BUILD_OPTIONS=nocheck leaves out the package's own
# run of the tests, some ten minutes of compiling.
set -eu

CDPATH='' cd -- "$(dirname -- "$0")/.."
fail() {
  printf 'debian.sh: %s\n' "$*" >&2
  exit 1
}

full_version=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
version=${full_version%-*}
out=build/debian
source=$out/shallow-$version
rm -rf "$out"
mkdir -p "$source"
# A clone knows which of its files are the project's; an unpacked release holds nothing else but build.
if [ -e .git ]; then
  git ls-files -z --cached --others --exclude-standard >"$out/files"
else
  find . -path ./build -prune -o -type f -print0 >"$out/files"
fi
tar -c --null -T "$out/files" -f "$out/tree.tar"
tar -x -C "$source" -f "$out/tree.tar"
rm "$out/files" "$out/tree.tar"
tar -c -J -C "$out" -f "$out/shallow_$version.orig.tar.xz" --sort=name --owner=0 --group=0 "shallow-$version"
cp -R packaging/debian "$source/debian"

(cd "$source" && dpkg-buildpackage -us -uc)

# Info and pedantic tags are shown; they may be a matter of taste, and fail nothing.
# The bug that a first upload closes is Debian's number for it, which is there when somebody uploads.
lintian --allow-root --display-info --pedantic --fail-on error,warning \
  --suppress-tags initial-upload-closes-no-bugs "$out"/*.changes ||
  fail "lintian: expected neither errors nor warnings"

dpkg-deb -x "$out/libshallow-dev_${full_version}_all.deb" "$out/root"
(cd "$source" && CMAKE_PREFIX_PATH="$PWD/../root/usr" AUTOPKGTEST_TMP="$PWD/../consumer" debian/tests/consumer)
printf 'debian.sh: made, clean and used: %s\n' "$out/libshallow-dev_${full_version}_all.deb"
