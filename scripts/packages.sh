# Sourced by scripts/lab and scripts/test: what has to be on the machine before either can work.

# require_root COMMAND: namespaces, TAP devices and apt need it.
require_root() {
  [ "$(id -u)" -eq 0 ] && return
  echo "$1 needs root: for network namespaces, TAP devices and missing packages. Try: sudo $1" >&2
  exit 2
}

# install_packages NAME...: installs by apt what is missing, says so, and starts or enables no service.
install_packages() {
  local missing=() name guard=/usr/sbin/policy-rc.d made_guard=
  for name in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null; then
    echo "These packages are needed, and there is no apt-get to install them with: ${missing[*]}" >&2
    exit 2
  fi
  echo "Installing by apt: ${missing[*]}"
  # Debian starts a daemon as soon as it is installed, unless this script forbids it.
  if [ ! -e "$guard" ]; then
    made_guard=yes
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
  fi
  local log status=0
  log=$(mktemp)
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || status=$?
  [ -z "$made_guard" ] || rm -f "$guard"
  if [ "$status" -ne 0 ]; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install these packages (its output: $log): ${missing[*]}" >&2
    exit 2
  fi
  rm -f "$log"
  # Nor is it to start at the next boot: the lab runs a private one.
  case " ${missing[*]} " in
    *" openvswitch-switch "*) command -v systemctl >/dev/null && systemctl --quiet disable openvswitch-switch || true ;;
  esac
}

# require_rust: finds cargo, or says how to get it and stops.
require_rust() {
  local wanted home
  wanted=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml crates/*/Cargo.toml dpdk-ffi/Cargo.toml | sort -V | tail -n 1)
  # Under sudo, the toolchain of the user who asked will do; what cargo downloads goes to root's directory.
  for home in "$HOME" "$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)"; do
    command -v cargo >/dev/null && break
    [ -x "$home/.cargo/bin/cargo" ] || continue
    PATH="$home/.cargo/bin:$PATH"
    export RUSTUP_HOME="${RUSTUP_HOME:-$home/.rustup}"
  done
  if ! command -v cargo >/dev/null; then
    cat >&2 <<'END'
Rust is not installed. To install it with rustup (https://rustup.rs), for this user only:
    apt-get install -y curl ca-certificates
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component clippy,rustfmt
    . "$HOME/.cargo/env"
Then run this command again.
END
    exit 2
  fi
  local found
  found=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    echo "Rust $found is too old, $wanted or newer is needed. With rustup: rustup update stable" >&2
    exit 2
  fi
}

# require_rust_component SUBCOMMAND COMPONENT
require_rust_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  echo "cargo $1 is missing. With rustup: rustup component add $2" >&2
  exit 2
}

BUILD_PACKAGES=(gcc libc6-dev pkg-config libclang-dev libdpdk-dev libpcap-dev)
# What scripts/bench measures beside Causeway, and what it starts that with.
PEER_PACKAGES=(dpdk-dev openvswitch-switch openvswitch-switch-dpdk iproute2 util-linux)
LAB_PACKAGES=(python3 python3-scapy openvswitch-switch iproute2 iputils-ping iperf3 tcpdump tshark)
TEST_PACKAGES=(binutils dpdk ethtool g++ git util-linux valgrind)
