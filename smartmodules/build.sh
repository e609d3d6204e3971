#!/usr/bin/env bash
# Builds the SmartModule: target/smartmodule/tickertape-mentions.wasm, or where the argument says.
#
# With the toolchain's own target wasm32-unknown-unknown where it is installed (`rustup target add`). Elsewhere, on
# Debian and Ubuntu, with the distribution's compiler for the web, unpacked beside the toolchain and not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

target_dir=${CARGO_TARGET_DIR:-target}
out=${1:-$target_dir/smartmodule/tickertape-mentions.wasm}
unpacked=${XDG_CACHE_HOME:-$HOME/.cache}/tickertape/rustc-web
triple=wasm32-unknown-unknown
build=(build --locked --profile wasm --package tickertape-mentions --target "$triple")

unpack() {
    command -v apt-get >/dev/null || {
        echo "the target $triple is not installed; run: rustup target add $triple" >&2
        exit 1
    }
    local staging version llvm
    apt-cache show rustc-web >/dev/null 2>&1 || apt-get update --quiet --quiet
    staging=$(mktemp -d)
    version=$(apt-cache depends libstd-rust-web-dev | grep --only-matching --max-count 1 'libstd-rust-web-[0-9.]*$')
    llvm=$(apt-cache depends "$version" | grep --only-matching --max-count 1 'libllvm[0-9]*$')
    (cd "$staging" && apt-get download --quiet --quiet rustc-web "$version" libstd-rust-web-dev rust-web-src "$llvm")
    for package in "$staging"/*.deb; do dpkg -x "$package" "$staging/tree"; done
    mkdir -p "$(dirname "$unpacked")"
    rm -rf "$unpacked"
    mv "$staging/tree" "$unpacked" # whole or not there at all
    rm -rf "$staging"
}

if rustc --print target-libdir --target "$triple" 2>/dev/null | xargs test -d; then
    cargo "${build[@]}"
else
    [[ -x $unpacked/usr/bin/rustc ]] || unpack
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    # A folder of its own: the packages' compiler has another version than the one that builds everything else.
    CARGO_TARGET_DIR=$target_dir/wasm RUSTC=$unpacked/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
        LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C link-arg=--allow-undefined" \
        cargo "${build[@]}" -Zbuild-std=std,panic_abort
    target_dir=$target_dir/wasm
fi
mkdir -p "$(dirname "$out")"
cp "$target_dir/$triple/wasm/tickertape_mentions.wasm" "$out"
echo "$out: $(wc -c <"$out") bytes"
