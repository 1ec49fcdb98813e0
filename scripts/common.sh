# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the shell scripts beside this file share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The environment's own settings win: CMAKE_BUILD_PARALLEL_LEVEL=1 scripts/test builds on one core.
: "${CMAKE_BUILD_PARALLEL_LEVEL:=$(nproc)}" "${CTEST_PARALLEL_LEVEL:=$(nproc)}"
export CMAKE_BUILD_PARALLEL_LEVEL CTEST_PARALLEL_LEVEL

# The comment under a script's licence line is its help.
usage() {
  awk 'NR > 2 && !/^#/ { exit } NR > 2 { sub(/^# ?/, ""); if (NR > 3 || $0 != "") print }' "$0"
}

die() {
  echo "${0##*/}: $*" >&2
  exit 2
}

unknown_argument() {
  die "unknown argument '$1'; '$0 --help' lists what there is"
}

# configure PRESET [CMAKE_ARGUMENT]...: Ninja itself sees changed CMake files, but not a changed preset.
configure() {
  local preset=$1 ninja_file=$root/build/$1/build.ninja
  shift
  if [[ $# -gt 0 || ! -f $ninja_file || $root/CMakePresets.json -nt $ninja_file ]]; then
    (cd "$root" && cmake --preset "$preset" "$@")
  fi
}

# configured PRESET VARIABLE VALUE: whether the build directory has this setting.
configured() {
  grep -qs "^$2:[A-Z]*=$3\$" "$root/build/$1/CMakeCache.txt"
}

# Builds a preset with its tests.
build_with_tests() {
  if configured "$1" BUILD_TESTING ON; then configure "$1"; else configure "$1" -DBUILD_TESTING=ON; fi
  cmake --build "$root/build/$1"
}

# Fills `files` with the C and C++ files, tracked or new, without those deleted but not yet committed.
find_cxx_files() {
  local listed file
  listed=$(git -C "$root" ls-files --cached --others --exclude-standard -- '*.h' '*.c' '*.cpp' | sort -u)
  files=()
  while read -r file; do
    if [[ -f $root/$file ]]; then files+=("$file"); fi
  done <<<"$listed"
  if [[ ${#files[@]} -eq 0 ]]; then die "git knows no C++ file in $root"; fi
}
