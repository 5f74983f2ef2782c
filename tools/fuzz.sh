#!/bin/sh
# fuzz.sh SECONDS TARGET: runs one fuzz target over its kept corpus; what it finds stays in the build folder.
set -eu
seconds=$1 target=$2
name=$(basename "$target")
name=${name#fuzz_}
found=$(dirname "$target")/found/$name
mkdir -p "$found"
if "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -artifact_prefix="$found-" \
  "$found" "tests/fuzz/corpus/$name" >"$target.log" 2>&1; then
  printf 'fuzz: %s: %s\n' "$name" "$(tail -n 1 "$target.log")"
else
  tail -n 60 "$target.log"
  printf 'fuzz: %s FAILED; the input is %s-*\n' "$name" "$found"
  exit 1
fi
