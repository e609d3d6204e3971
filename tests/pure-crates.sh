#!/usr/bin/env bash
# Checks that the crates that must also build for wasm32-unknown-unknown use nothing that wasm lacks: by building
# them where the target is installed, and everywhere by their dependencies and by what they import.
set -euo pipefail
cd "$(dirname "$0")/.."

pure=(tickertape-coins tickertape-attribution)
folders=(coins/src smartmodules/attribution/src)

for crate in "${pure[@]}"; do
    forbidden=$(cargo tree --package "$crate" --edges normal --prefix none --format '{p}' |
        grep --extended-regexp '^(tokio|mio|async-std|smol|reqwest|sqlx|getrandom|socket2|libc|rayon|chrono) ' || true)
    if [[ -n $forbidden ]]; then
        echo "$crate depends on what wasm lacks: $forbidden" >&2
        exit 1
    fi
done

if grep --recursive --line-number --extended-regexp \
    'std::(fs|net|thread|process|env|time)\b|\basync fn\b|SystemTime|Instant::now' "${folders[@]}" |
    grep --invert-match --extended-regexp 'tests?\.rs:|//'; then
    echo "a pure crate uses files, network, threads, time or async (above)" >&2
    exit 1
fi

if rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null | xargs test -d; then
    for crate in "${pure[@]}"; do
        cargo check --quiet --release --package "$crate" --target wasm32-unknown-unknown
    done
    echo "pure crates: build for wasm32-unknown-unknown"
else
    echo "pure crates: clean by their dependencies and imports (skipped: target wasm32-unknown-unknown is not installed)"
fi
