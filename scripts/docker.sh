# Sourced by scripts/lab and scripts/test: what of Docker has to be on the machine, and what installs it when asked to.

engine_answers() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }
compose_is_there() {
  { command -v docker >/dev/null && docker compose version >/dev/null 2>&1; } || command -v docker-compose >/dev/null
}

# compose WORD...: runs Compose, as plugin or as program.
compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

# install_docker: Debian's engine if none answers, Compose if there is none, and debootstrap for a machine without a registry.
install_docker() {
  local packages=() new_engine=
  engine_answers || command -v dockerd >/dev/null || { packages+=(docker.io) new_engine=yes; }
  compose_is_there || packages+=(docker-compose)
  command -v debootstrap >/dev/null || packages+=(debootstrap)
  [ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
  # The lab starts an engine of its own; the machine's is not to appear at the next boot because of it.
  if [ -n "$new_engine" ] && command -v systemctl >/dev/null; then
    systemctl --quiet disable docker.service docker.socket containerd.service || true
  fi
}

# require_docker: stops with what is missing and how to get it.
require_docker() {
  local missing=()
  if ! engine_answers; then
    if command -v docker >/dev/null; then
      missing+=("an engine that runs: \`docker version\` reaches none (is it started? systemctl start docker)")
    else
      missing+=("Docker: on Debian 12, apt-get install docker.io")
    fi
  fi
  compose_is_there || missing+=("Compose: the plugin \`docker compose\`, or on Debian 12, apt-get install docker-compose")
  [ ${#missing[@]} -eq 0 ] && return
  {
    echo "The lab in containers needs Docker. Missing:"
    printf '  - %s\n' "${missing[@]}"
    echo "Or add --install-docker: it installs by apt what is missing, and runs a private engine while the lab lasts."
  } >&2
  exit 2
}
