# Sourced by scripts. Installs what building and running need and the machine lacks (Debian 12,
# Ubuntu), as root or through sudo, asking for nothing; lets Open MPI run as root in a container.
# Afterwards shinkei_install installs further packages, and PYTHON is the Python that has them.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PYTHON=${PYTHON:-/usr/bin/python3}

shinkei_packages=(gcc libc6-dev make cmake pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev
  libmetis-dev libyaml-dev libjansson-dev libxxhash-dev librandom123-dev libopenblas-dev liblapacke-dev
  libcmocka-dev python3 python3-numpy python3-h5py python3-matplotlib python3-yaml)

# Print a message and end the script that sourced this file.
shinkei_stop() {
  echo "$*" >&2
  exit 1
}

# Print those of the packages that are not installed.
shinkei_missing() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
  done
}

# shinkei_install PACKAGE ...: install those that are missing.
shinkei_install() {
  command -v dpkg-query >/dev/null || {
    echo "no dpkg here: taking it that these are installed: $*" >&2
    return 0
  }
  local missing as_root=()
  read -r -a missing <<<"$(shinkei_missing "$@" | tr '\n' ' ')"
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || shinkei_stop "missing packages: ${missing[*]}; neither root nor sudo to install them"
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)
  fi
  echo "installing ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -qq
    -o DPkg::Lock::Timeout=600)
  "${apt[@]}" update || shinkei_stop "apt-get update failed"
  "${apt[@]}" install -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null ||
    shinkei_stop "apt-get could not install: ${missing[*]}"
}

# shinkei_build FOLDER [CMAKE OPTION ...]: configure and build the source tree one level above this file.
shinkei_build() {
  local folder=$1 source
  source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  shift
  cmake -S "$source" -B "$folder" -DCMAKE_BUILD_TYPE=Release "$@"
  cmake --build "$folder" -j "$(nproc)"
}

shinkei_install "${shinkei_packages[@]}"
